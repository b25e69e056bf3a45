"""The pages of the login flow: plain forms without any script."""

from html import escape

_FRAME = """<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <base href="{base}">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{title} – callrec</title>
    <link rel="icon" href="static/icon.svg" type="image/svg+xml">
    <link rel="stylesheet" href="static/style/base.css">
    <link rel="stylesheet" href="static/style/pages.css">
  </head>
  <body>
    <main class="door"><div class="card">
      <h1>{title}</h1>
{content}
    </div></main>
  </body>
</html>
"""

_SIGN_IN = """      <p>{client} asks for access to your account. Sign in to go on.</p>
      {problem}<form method="post" action="{action}">
        <label>Name <input name="user" autocomplete="username" required autofocus></label>
        <label>Password
          <input name="password" type="password" autocomplete="current-password" required></label>
        <button class="primary" type="submit">Sign in</button>
      </form>"""

_GRANT = """      <p>You are signed in as {name}. {client} asks for access to your account.</p>
      <p>Grant it only if you have just started to connect that app yourself.</p>
      <form method="post" action="{action}">
        <input type="hidden" name="proof" value="{proof}">
        <button class="primary" type="submit">Grant access</button>
      </form>"""


def sign_in_page(base: str, action: str, client: str, problem: str = "") -> str:
    """Return the form to sign in; *problem* says what was wrong with the last try."""
    shown = f'<p class="error" role="alert">{escape(problem)}</p>\n      ' if problem else ""
    content = _SIGN_IN.format(client=_client(client), action=escape(action), problem=shown)
    return _page(base, "Connect an app", content)


def grant_page(base: str, action: str, client: str, name: str, proof: str) -> str:
    """Return the form to grant access to *client*, for the person *name*."""
    content = _GRANT.format(
        client=_client(client), action=escape(action), name=escape(name), proof=escape(proof)
    )
    return _page(base, "Connect an app", content)


def message_page(base: str, title: str, text: str) -> str:
    """Return a page that only says something."""
    return _page(base, title, f"      <p>{escape(text)}</p>")


def _client(name: str) -> str:
    return f"<strong>{escape(name)}</strong>"


def _page(base: str, title: str, content: str) -> str:
    return _FRAME.format(base=escape(base), title=escape(title), content=content)
