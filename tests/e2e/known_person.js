// Replaces camera and microphone by a known picture and sound, both driven by one clock, the AudioContext's:
// a colour, a bar that wanders once around in two seconds, a tone; and in the first 120 ms (three pictures) of
// each second a white field and a beep. A field that would come late, because the machine is busy, does not come.
// Placeholders in capitals are filled in by the test.
(() => {
  const WIDTH = 640, HEIGHT = 480, FPS = 25, FLASH_PICTURES = 3, BAR_PERIOD = 50;
  const AHEAD_S = 3, LATEST_PICTURES = 0.4;

  function sound(context) {
    const destination = context.createMediaStreamDestination();
    const voice = (hertz, level) => {
      const oscillator = new OscillatorNode(context, { frequency: hertz });
      const gain = new GainNode(context, { gain: level });
      oscillator.connect(gain).connect(destination);
      oscillator.start();
      return gain.gain;
    };
    voice(TONE_HZ, 0.12);
    const beep = voice(BEEP_HZ, 0);
    let next = Math.ceil(context.currentTime + 0.1);
    const plan = () => {
      for (; next < context.currentTime + AHEAD_S; next += 1) {
        beep.setValueAtTime(0.4, next);
        beep.setValueAtTime(0, next + FLASH_PICTURES / FPS);
      }
    };
    plan();
    setInterval(plan, 500);
    return destination.stream.getAudioTracks()[0];
  }

  function picture(context) {
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const paint = canvas.getContext("2d");
    const track = canvas.captureStream(0).getVideoTracks()[0];
    let shown = -1, flashing = false;
    const draw = () => {
      const now = context.currentTime * FPS;
      const number = Math.floor(now);
      if (number === shown || track.readyState === "ended") return;
      shown = number;
      paint.fillStyle = "COLOUR";
      paint.fillRect(0, 0, WIDTH, HEIGHT);
      paint.fillStyle = "#000";
      paint.fillRect(((number % BAR_PERIOD) * WIDTH) / BAR_PERIOD, 240, 48, 72);
      if (number % FPS === 0) flashing = now - number < LATEST_PICTURES;
      else if (number % FPS >= FLASH_PICTURES) flashing = false;
      if (flashing) {
        paint.fillStyle = "#fff";
        paint.fillRect(160, 24, 320, 192);
      }
      track.requestFrame();
    };
    setInterval(draw, 4);
    return track;
  }

  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const context = new AudioContext({ sampleRate: 48000, latencyHint: "interactive" });
    await context.resume();
    const tracks = [];
    if (audio) tracks.push(sound(context));
    if (video) tracks.push(picture(context));
    return new MediaStream(tracks);
  };
})();
