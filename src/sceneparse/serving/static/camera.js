// A picture from the camera.

import { Trouble } from "./service.js";

const $ = (id) => document.getElementById(id);
let stream = null;

const WHY = {
  NotAllowedError: "This page may not use the camera: allow it beside the address, then try again.",
  NotFoundError: "This device has no camera that the browser can use.",
  NotReadableError: "The camera is in use by another program.",
};

export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) {
    throw new Trouble("refused", "The browser gives its camera only to https addresses and to localhost.", { again: false });
  }
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", width: { ideal: 1920 } } });
  } catch (error) {
    throw new Trouble("refused", WHY[error.name] ?? "The camera cannot be used.", { again: false });
  }
  const video = $("video");
  video.srcObject = stream;
  $("camera").hidden = false;
  document.body.classList.add("filming");
  await video.play();
  $("take").focus();
}

export function closeCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  $("video").srcObject = null;
  $("camera").hidden = true;
  document.body.classList.remove("filming");
}

export async function takePicture() {
  const video = $("video");
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d").drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  closeCamera();
  return new File([blob], "camera.jpg", { type: "image/jpeg" });
}
