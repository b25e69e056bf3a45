/** The calls of the Talk API, and of callrec's own, that the page uses, one function each. */

import { publicUrl, url } from "../base.js";
import { ocs, request } from "./ocs.js";

const TALK = "apps/spreed/api";
const data = async (answer) => (await answer).data;

// Sign-in. These two are the server's own and have no OCS envelope.
export const signIn = (user, password) => request("POST", url("index.php/login"), { body: { user, password } });
export const signOut = () => request("POST", url("index.php/logout"), { body: {} });
export const currentUser = () => data(ocs("GET", "cloud/user"));
export const capabilities = () => data(ocs("GET", "cloud/capabilities"));

// Rooms and participants.
export const listRooms = () => data(ocs("GET", `${TALK}/v4/room`));
export const getRoom = (token) => data(ocs("GET", `${TALK}/v4/room/${token}`));
export const createRoom = (roomName, roomType) =>
  data(ocs("POST", `${TALK}/v4/room`, { body: { roomType, roomName } }));
/**
 * Answers with the room, which then has a fresh session of ours; our earlier one ends. Unless forced, it throws an
 * OcsError with status 409, whose `data.sessionId` tells which it is, when that one is in the room's call.
 */
export const joinRoom = (token, { force = true, password = "" } = {}) =>
  data(ocs("POST", `${TALK}/v4/room/${token}/participants/active`, { body: { force, password } }));
export const leaveRoom = (token, { keepalive } = {}) =>
  ocs("DELETE", `${TALK}/v4/room/${token}/participants/active`, { keepalive });
export const setGuestName = (token, displayName) =>
  ocs("POST", `${TALK}/v1/guest/${token}/name`, { body: { displayName } });
export const listParticipants = (token) => data(ocs("GET", `${TALK}/v4/room/${token}/participants`));
export const addUser = (token, newParticipant) =>
  ocs("POST", `${TALK}/v4/room/${token}/participants`, { body: { newParticipant, source: "users" } });
export const promote = (token, attendeeId) =>
  ocs("POST", `${TALK}/v4/room/${token}/moderators`, { body: { attendeeId } });
export const demote = (token, attendeeId) =>
  ocs("DELETE", `${TALK}/v4/room/${token}/moderators`, { body: { attendeeId } });
export const removePerson = (token, attendeeId) =>
  ocs("DELETE", `${TALK}/v4/room/${token}/attendees`, { body: { attendeeId } });
export const addPermissions = (token, attendeeId, permissions) =>
  ocs("PUT", `${TALK}/v4/room/${token}/attendees/permissions`, { body: { attendeeId, method: "add", permissions } });

// Settings of a room, for moderators. Each answers with the room.
export const rename = (token, roomName) => data(ocs("PUT", `${TALK}/v4/room/${token}`, { body: { roomName } }));
export const setOpenByLink = (token, open) =>
  data(ocs(open ? "POST" : "DELETE", `${TALK}/v4/room/${token}/public`, { body: {} }));
export const setPassword = (token, password) =>
  data(ocs("PUT", `${TALK}/v4/room/${token}/password`, { body: { password } }));
export const setLobby = (token, on) =>
  data(ocs("PUT", `${TALK}/v4/room/${token}/webinar/lobby`, { body: { state: on ? 1 : 0 } }));
export const setRecordingConsent = (token, asked) =>
  data(ocs("PUT", `${TALK}/v4/room/${token}/recording-consent`, { body: { recordingConsent: asked ? 1 : 0 } }));

// Call.
export const joinCall = (token, flags, recordingConsent) =>
  ocs("POST", `${TALK}/v4/call/${token}`, { body: { flags, recordingConsent } });
export const setCallFlags = (token, flags) => ocs("PUT", `${TALK}/v4/call/${token}`, { body: { flags } });
export const leaveCall = (token, all = false) => ocs("DELETE", `${TALK}/v4/call/${token}`, { body: { all } });
export const signalingSettings = (token) =>
  data(ocs("GET", `${TALK}/v3/signaling/settings`, { query: { token } }));
/** The same for a recorder, who signs instead of signing in (docs/wire.md, Recording page). */
export const signalingSettingsForRecording = (token, random, checksum) =>
  data(
    ocs("GET", `${TALK}/v3/signaling/settings`, {
      query: { token },
      headers: { "Talk-Recording-Random": random, "Talk-Recording-Checksum": checksum },
    }),
  );
export const signalingBackend = () => publicUrl(`ocs/v2.php/${TALK}/v3/signaling/backend`);

// Chat.
export const chatHistory = (token, signal) =>
  data(ocs("GET", `${TALK}/v1/chat/${token}`, { query: { lookIntoFuture: 0, limit: 100 }, signal }));
export const chatFuture = (token, lastKnownMessageId, signal) =>
  ocs("GET", `${TALK}/v1/chat/${token}`, {
    query: { lookIntoFuture: 1, limit: 100, timeout: 30, lastKnownMessageId },
    signal,
  });
export const sendChat = (token, message) => data(ocs("POST", `${TALK}/v1/chat/${token}`, { body: { message } }));

// Recording.
export const startRecording = (token, status) =>
  ocs("POST", `${TALK}/v1/recording/${token}`, { body: { status } });
export const stopRecording = (token) => ocs("DELETE", `${TALK}/v1/recording/${token}`);

// Films: {speakers: [{name, hue, spellsMs}], chapters: [{fromMs, title}]} (docs/wire.md, Speakers).
export const speakersOfFile = (fileId) => data(ocs("GET", `apps/callrec/api/v1/files/${fileId}/speakers`));
export const speakersOfShare = (share) =>
  data(ocs("GET", `apps/callrec/api/v1/shares/${encodeURIComponent(share)}/speakers`));

// Notifications.
const NOTIFICATIONS = "apps/notifications/api/v2/notifications";
export const listNotifications = (etag) =>
  ocs("GET", NOTIFICATIONS, { headers: etag ? { "If-None-Match": etag } : {} });
export const deleteNotification = (id) => ocs("DELETE", `${NOTIFICATIONS}/${id}`);
