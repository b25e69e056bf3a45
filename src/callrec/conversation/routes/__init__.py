"""One module for each family of the API. They translate HTTP; the decisions are in the nouns above."""
