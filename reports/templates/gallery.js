// The full view of a gallery's image. Data, as reports/gallery_page.py writes it, by gallery: {name, classes,
// methods: [{key, label, ceiling}], images: [{id, size: [w, h], truths: [[label, x1, y1, x2, y2, counts]], clean,
// views: [{ap, boxes: [[label, x1, y1, x2, y2, score]], restored, crux}]}]}; views stand in the order of methods,
// pictures are data: addresses or null, and boxes are in pixels of the degraded image.
(() => {
  const source = document.getElementById("gallery-data");
  if (!source) return;
  const galleries = JSON.parse(source.textContent);
  const part = (id) => document.getElementById(id);
  const dialog = part("viewer");
  const SVG = "http://www.w3.org/2000/svg";
  const ENOUGH = 0.5;
  const now = { gallery: 0, image: 0, method: 0 };

  const gallery = () => galleries[now.gallery];
  const image = () => gallery().images[now.image];
  const thumb = () => document.querySelector(`.thumbs button[data-gallery="${now.gallery}"][data-image="${now.image}"]`);

  const pictures = (method) => {
    const view = image().views[method];
    const all = {
      "restored": view.restored,
      "degraded": thumb().querySelector("img").src,
      "clean": image().clean,
      "mask and crux": view.crux,
    };
    return Object.fromEntries(Object.entries(all).filter(([, address]) => address));
  };

  // What a method detects in: the clean image, what it restored, or the degraded image.
  const seen = (method) => {
    const given = pictures(method);
    if (gallery().methods[method].ceiling && given.clean) return "clean";
    return given.restored ? "restored" : "degraded";
  };

  const overlap = (a, b) => {
    const width = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
    const height = Math.min(a[4], b[4]) - Math.max(a[2], b[2]);
    if (width <= 0 || height <= 0) return 0;
    const shared = width * height;
    return shared / ((a[3] - a[1]) * (a[4] - a[2]) + (b[3] - b[1]) * (b[4] - b[2]) - shared);
  };

  // Best score first, each detection takes the free true box of its class that it covers most.
  const matched = (method, threshold) => {
    const free = new Set(image().truths);
    const found = image().views[method].boxes.filter((box) => box[5] >= threshold);
    const marks = found.map((box) => {
      const fitting = Array.from(free).filter((truth) => truth[0] === box[0] && overlap(truth, box) >= ENOUGH);
      fitting.sort((a, b) => b[5] - a[5] || overlap(b, box) - overlap(a, box));
      if (fitting.length) free.delete(fitting[0]);
      return { box, hit: fitting.length > 0, counts: !fitting.length || fitting[0][5] === 1 };
    });
    const missed = Array.from(free).filter((truth) => truth[5] === 1);
    return { marks, free, missed: missed.length, objects: image().truths.filter((truth) => truth[5] === 1).length };
  };

  const rectangle = (svg, box, name) => {
    const given = { x: box[1], y: box[2], width: Math.max(0, box[3] - box[1]), height: Math.max(0, box[4] - box[2]) };
    for (const kind of ["under", name]) {
      const shape = document.createElementNS(SVG, "rect");
      for (const [key, value] of Object.entries(given)) shape.setAttribute(key, value);
      shape.setAttribute("class", kind);
      svg.append(shape);
    }
  };

  const word = (svg, box, text, letters) => {
    const shape = document.createElementNS(SVG, "text");
    const place = { x: box[1] + letters * 0.2, y: Math.max(letters, box[2] - letters * 0.25) };
    shape.setAttribute("x", place.x);
    shape.setAttribute("y", place.y);
    shape.setAttribute("font-size", letters);
    shape.setAttribute("stroke-width", letters * 0.22);
    shape.textContent = text;
    svg.append(shape);
  };

  const overlay = (method, words) => {
    const svg = document.createElementNS(SVG, "svg");
    const [width, height] = image().size;
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("aria-hidden", "true");
    const found = matched(method, Number(part("threshold").value));
    const letters = Math.max(width, height) / 42;
    const truths = part("show-truths").checked;
    const boxes = part("show-found").checked;
    if (truths) {
      for (const truth of image().truths) {
        const lost = boxes && found.free.has(truth) && truth[5] === 1;
        rectangle(svg, truth, truth[5] === 0 ? "truth uncounted" : lost ? "missed" : "truth");
        if (words && lost) word(svg, truth, gallery().classes[truth[0]], letters);
      }
    }
    if (boxes) {
      for (const { box, hit } of found.marks) rectangle(svg, box, hit ? "hit" : "extra");
      if (words) {
        for (const { box } of found.marks) word(svg, box, `${gallery().classes[box[0]]} ${box[5].toFixed(2)}`, letters);
      }
    }
    return svg;
  };

  const told = (method) => {
    const { marks, missed, objects } = matched(method, Number(part("threshold").value));
    const extra = marks.filter((mark) => !mark.hit).length;
    const ap = image().views[method].ap;
    return `${gallery().methods[method].label}: AP ${ap}, ${objects - missed} of ${objects} objects found, ${extra} other`;
  };

  const drawStage = () => {
    const given = pictures(now.method);
    const picture = part("viewer-picture");
    const chosen = picture.value || "";
    const options = ["", ...Object.keys(given)].map((name) => new Option(name || `as seen (${seen(now.method)})`, name));
    picture.replaceChildren(...options);
    picture.value = chosen in given ? chosen : "";
    const name = picture.value || seen(now.method);
    const shown = part("viewer-image");
    shown.src = given[name];
    shown.alt = `${name} image ${image().id} of ${gallery().name}, ${gallery().methods[now.method].label}`;
    const svg = part("viewer-canvas").querySelector("svg");
    if (svg) svg.remove();
    if (name !== "mask and crux") part("viewer-canvas").append(overlay(now.method, true));
    part("viewer-status").textContent = `${told(now.method)}.`;
    part("viewer-source").href = `#cell-${gallery().methods[now.method].key}`;
    part("threshold-text").textContent = Number(part("threshold").value).toFixed(2);
  };

  const panel = (entry, method) => {
    const button = document.createElement("button");
    const canvas = document.createElement("div");
    const copy = document.createElement("img");
    button.type = "button";
    canvas.className = "canvas";
    copy.src = pictures(method)[seen(method)];
    copy.alt = "";
    canvas.append(copy, overlay(method, false));
    const text = document.createElement("span");
    text.textContent = told(method);
    button.append(canvas, text);
    button.setAttribute("aria-pressed", String(method === now.method));
    button.addEventListener("click", () => choose(method));
    return button;
  };

  const drawStrip = () => {
    const strip = part("viewer-strip");
    const held = strip.contains(document.activeElement);
    strip.replaceChildren(...gallery().methods.map(panel));
    if (held) strip.children[now.method].focus();
  };

  const draw = () => {
    part("viewer-title").textContent = `${image().id} of ${gallery().name}`;
    part("viewer-place").textContent = `image ${now.image + 1} of ${gallery().images.length}`;
    drawStage();
    drawStrip();
  };

  const choose = (method) => {
    now.method = method;
    const buttons = part("viewer-strip").children;
    for (const [place, button] of Array.from(buttons).entries()) button.setAttribute("aria-pressed", String(place === method));
    drawStage();
  };

  const turn = (value, step, count) => (value + step + count) % count;
  const stepImage = (step) => {
    now.image = turn(now.image, step, gallery().images.length);
    draw();
  };
  const stepMethod = (step) => {
    choose(turn(now.method, step, gallery().methods.length));
    const button = part("viewer-strip").children[now.method];
    if (part("viewer-strip").contains(document.activeElement)) button.focus();
  };

  const KEYS = {
    ArrowLeft: () => stepImage(-1),
    ArrowRight: () => stepImage(1),
    ArrowUp: () => stepMethod(-1),
    ArrowDown: () => stepMethod(1),
  };
  dialog.addEventListener("keydown", (event) => {
    // In the slider and the list, arrow keys are theirs.
    if (!KEYS[event.key] || event.target.matches("input[type='range'], select") || event.altKey || event.ctrlKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  dialog.addEventListener("close", () => thumb().focus());
  part("viewer-close").addEventListener("click", () => dialog.close());
  part("image-before").addEventListener("click", () => stepImage(-1));
  part("image-after").addEventListener("click", () => stepImage(1));
  part("viewer-picture").addEventListener("change", drawStage);
  for (const id of ["show-truths", "show-found", "threshold"]) part(id).addEventListener("input", draw);
  part("viewer-source").addEventListener("click", () => {
    // The link is followed once the dialog has given the focus back.
    dialog.close();
  });
  for (const button of document.querySelectorAll(".thumbs button")) {
    button.addEventListener("click", () => {
      const gone = Number(button.dataset.gallery);
      if (gone !== now.gallery) now.method = 0;
      Object.assign(now, { gallery: gone, image: Number(button.dataset.image) });
      draw();
      dialog.showModal();
      part("viewer-close").focus();
    });
  }
})();
