"""The composition root: joins the parts into running programs."""
