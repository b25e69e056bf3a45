/** The user's files, by WebDAV (RFC 4918). */

import { url } from "../base.js";
import { encodedPath } from "../logic/messages.js";
import { OcsError, send } from "./ocs.js";

/** Address of a path in a user's home. */
export const fileUrl = (userId, path) =>
  url(`remote.php/dav/files/${encodeURIComponent(userId)}/${encodedPath(path)}`);

const OWNCLOUD = "http://owncloud.org/ns";

const text = (element, name, space = "DAV:") =>
  element.getElementsByTagNameNS(space, name)[0]?.textContent ?? "";

const entry = (response) => ({
  id: text(response, "fileid", OWNCLOUD),
  name: text(response, "displayname"),
  folder: response.getElementsByTagNameNS("DAV:", "collection").length > 0,
  mimetype: text(response, "getcontenttype"),
  sizeBytes: Number(text(response, "getcontentlength")),
  modified: new Date(text(response, "getlastmodified")),
});

/**
 * What a folder of a user's home holds: {id, path, name, folder, mimetype, sizeBytes, modified}. Empty when it is not
 * there. Throws an OcsError.
 */
export async function listFolder(userId, path) {
  const response = await send("PROPFIND", fileUrl(userId, path), { headers: { Depth: "1" } });
  if (response.status === 404) return [];
  if (!response.ok) throw new OcsError(response.status);
  const answer = new DOMParser().parseFromString(await response.text(), "application/xml");
  const [, ...children] = answer.getElementsByTagNameNS("DAV:", "response"); // the first is the folder itself
  return children.map(entry).map((child) => ({ ...child, path: `${path}/${child.name}` }));
}
