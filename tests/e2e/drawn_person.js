// Replaces the camera by a drawn person before a soft background, who hums from time to time, for pictures in the
// documents.
// Placeholders in capitals are filled in by the script that takes them.
(() => {
  const WIDTH = 640, HEIGHT = 480, FPS = 15;

  const PERIOD_S = 8;
  // All go by the same clock, so that they take turns.
  const talks = () => {
    const now = (Date.now() / 1000) % PERIOD_S;
    return TALKS_S.some(([from, to]) => from <= now && now < to);
  };

  function draw(paint, seconds) {
    const back = paint.createLinearGradient(0, 0, WIDTH, HEIGHT);
    back.addColorStop(0, "BACK_LIGHT");
    back.addColorStop(1, "BACK_DARK");
    paint.fillStyle = back;
    paint.fillRect(0, 0, WIDTH, HEIGHT);
    const sway = 6 * Math.sin(seconds * 1.3);
    paint.fillStyle = "CLOTH";
    paint.beginPath();
    paint.ellipse(320 + sway / 2, 500, 190, 150, 0, 0, 7);
    paint.fill();
    paint.fillStyle = "SKIN";
    paint.fillRect(285 + sway, 290, 70, 90);
    paint.beginPath();
    paint.ellipse(320 + sway, 220, 88, 110, 0, 0, 7);
    paint.fill();
    paint.fillStyle = "HAIR";
    paint.beginPath();
    paint.ellipse(320 + sway, 168, 98, 78, 0, Math.PI, 0);
    paint.fill();
    paint.fillStyle = "#222";
    for (const side of [-1, 1]) {
      paint.beginPath();
      paint.ellipse(320 + sway + side * 34, 214, 7, seconds % 4 < 0.15 ? 1 : 8, 0, 0, 7);
      paint.fill();
    }
    paint.strokeStyle = "#833";
    paint.lineWidth = 5;
    paint.beginPath();
    if (talks()) paint.ellipse(320 + sway, 272, 24, 8 + 6 * Math.sin(seconds * 14), 0, 0, 7);
    else paint.arc(320 + sway, 252, 30, 0.3, Math.PI - 0.3);
    paint.stroke();
  }

  navigator.mediaDevices.getUserMedia = async ({ audio, video }) => {
    const context = new AudioContext();
    const destination = context.createMediaStreamDestination();
    const voice = new OscillatorNode(context, { frequency: 180 });
    const gain = new GainNode(context, { gain: 0 });
    voice.connect(gain).connect(destination);
    voice.start();
    const canvas = Object.assign(document.createElement("canvas"), { width: WIDTH, height: HEIGHT });
    const paint = canvas.getContext("2d");
    const begun = performance.now();
    setInterval(() => {
      gain.gain.value = talks() ? 0.1 : 0;
      draw(paint, (performance.now() - begun) / 1000);
    }, 1000 / FPS);
    const tracks = video ? canvas.captureStream(FPS).getVideoTracks() : [];
    return new MediaStream([...(audio ? destination.stream.getAudioTracks() : []), ...tracks]);
  };
})();
