// A picture from the camera.

import { Trouble } from "./service.js";

const $ = (id) => document.getElementById(id);
let stream = null;
let turn = 0; // grows when the camera is asked for and when it is closed: an older answer is not wanted any more

const WHY = {
  NotAllowedError: "This page may not use the camera: allow it beside the address, then try again.",
  NotFoundError: "This device has no camera that the browser can use.",
  NotReadableError: "The camera is in use by another program.",
};

export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Trouble("refused", "The browser gives its camera only to https addresses and to localhost.", { again: false });
  }
  closeCamera();
  const own = turn;
  let found;
  try {
    found = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch (error) {
    throw new Trouble("refused", WHY[error.name] ?? "The camera cannot be used.", { again: false });
  }
  if (own !== turn) {
    stop(found);
    return;
  }
  stream = found;
  const video = $("video");
  video.srcObject = stream;
  $("camera").hidden = false;
  document.body.classList.add("filming");
  await video.play();
  $("take").focus();
}

function stop(one) {
  one?.getTracks().forEach((track) => track.stop());
}

export function closeCamera() {
  turn += 1;
  stop(stream);
  stream = null;
  $("video").srcObject = null;
  $("camera").hidden = true;
  document.body.classList.remove("filming");
}

export async function takePicture() {
  const video = $("video");
  if (!video.videoWidth) throw new Trouble("refused", "The camera shows nothing yet. Take the picture in a moment.", { again: false });
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  closeCamera();
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
