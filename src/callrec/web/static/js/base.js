/** Addresses of the server. The base is the `<base>` element of index.html. */

const ROOM_PATH = /^(?:index\.php\/)?call\/([a-z0-9]{4,30})\/?$/;

/** Absolute address of a path below the base; `path` has no leading slash. */
export const url = (path) => new URL(path, document.baseURI).href;

/** The base as the server names it to everybody; our own where no server has filled it in. */
const publicBase = `${(document.querySelector("meta[name=public-url]").content || url("")).replace(/\/+$/, "")}/`;

/** Public address of a path below the base. */
export const publicUrl = (path) => publicBase + path;

/** How this browser reaches `address`: what lies below the public base lies below our own. */
export const reachedAt = (address) =>
  address.startsWith(publicBase) ? url(address.slice(publicBase.length)) : address;

/** The link that invites to a conversation. */
export const invitationLink = (token) => url(`index.php/call/${token}`);

/** The room token in the address bar, or null. */
export function tokenFromLocation() {
  const base = new URL(document.baseURI).pathname;
  if (!location.pathname.startsWith(base)) return null;
  return ROOM_PATH.exec(location.pathname.slice(base.length))?.[1] ?? null;
}

/**
 * The same resource as `link`, at our own base: links carry the server's public address, which need not be the one
 * by which this browser reaches it. `marker` is where the path below the base begins, such as "ocs/".
 */
export function ownUrl(link, marker) {
  const { pathname, search } = new URL(link, document.baseURI);
  const start = pathname.indexOf(`/${marker}`);
  return start < 0 ? null : url(pathname.slice(start + 1) + search);
}
