/** This browser's microphone and camera. */

const WISHES = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true },
  video: { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } },
};

async function open(kinds) {
  const wishes = Object.fromEntries(kinds.map((kind) => [kind, WISHES[kind]]));
  return (await navigator.mediaDevices.getUserMedia(wishes)).getTracks();
}

/**
 * Holds the tracks that are sent. `stream` always is the same MediaStream, so a video element can stay bound to it.
 * `onEnded(kind)` is called when a device goes away by itself.
 */
export class LocalMedia {
  /** Both ways, also while nothing is open: it may be opened later. */
  direction = "sendrecv";
  stream = new MediaStream();
  #onEnded;

  constructor(onEnded) {
    this.#onEnded = onEnded;
  }

  /** The track of kind "audio" or "video", or null. */
  track(kind) {
    return this.stream.getTracks().find((track) => track.kind === kind) ?? null;
  }

  /** Open both, or what there is. Returns the problems: {} , {kind: exception name}, or "insecure". */
  async open() {
    if (!navigator.mediaDevices) return "insecure";
    try {
      this.#keep(await open(["audio", "video"]));
      return {};
    } catch (error) {
      if (!(error instanceof DOMException)) throw error;
    }
    const problems = {};
    for (const kind of ["audio", "video"]) {
      try {
        this.#keep(await open([kind]));
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
        problems[kind] = error.name;
      }
    }
    return problems;
  }

  /** Open one device that is not open; throws the browser's DOMException. */
  async add(kind) {
    this.#keep(await open([kind]));
  }

  /** Close one device (its light goes out). */
  drop(kind) {
    const track = this.track(kind);
    if (!track) return;
    track.stop();
    this.stream.removeTrack(track);
  }

  close() {
    this.drop("audio");
    this.drop("video");
  }

  #keep(tracks) {
    for (const track of tracks) {
      this.stream.addTrack(track);
      track.addEventListener("ended", () => {
        this.stream.removeTrack(track);
        this.#onEnded(track.kind);
      });
    }
  }
}

/** In place of LocalMedia for one who only listens and watches. */
export class NoMedia {
  direction = "recvonly";
  stream = new MediaStream();

  track() {
    return null;
  }
}
