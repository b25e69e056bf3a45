/** State messages of a call, by signaling and by the `status` data channel (docs/wire.md, Signaling, State). Pure. */

/** What a message of either way says: {audio}, {video}, {nick}, or {} for what we do not use. */
export function understood({ type, payload }) {
  switch (type) {
    case "mute":
    case "unmute":
      return payload?.name === "audio" || payload?.name === "video" ? { [payload.name]: type === "unmute" } : {};
    case "audioOn":
    case "audioOff":
      return { audio: type === "audioOn" };
    case "videoOn":
    case "videoOff":
      return { video: type === "videoOn" };
    case "nickChanged": {
      const nick = typeof payload === "string" ? payload : payload?.name;
      return typeof nick === "string" && nick ? { nick: nick.slice(0, 255) } : {};
    }
    default:
      return {};
  }
}

/** Our state, {audio, video, nick}, as signaling messages. */
export function signalingMessages({ audio, video, nick }) {
  const state = (on, name) => ({ type: on ? "unmute" : "mute", roomType: "video", payload: { name } });
  return [
    state(audio, "audio"),
    state(video, "video"),
    { type: "nickChanged", roomType: "video", payload: { name: nick } },
  ];
}

/** Our state as data channel messages. */
export function channelMessages({ audio, video, nick }) {
  return [
    { type: audio ? "audioOn" : "audioOff" },
    { type: video ? "videoOn" : "videoOff" },
    { type: "nickChanged", payload: nick },
  ];
}
