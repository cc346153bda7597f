// SPDX-License-Identifier: GPL-2.0

/** Whether the page's policy lets it have an image. */
function loadsImage() {
  return new Promise((done) => {
    const image = new Image();
    image.onload = () => done(true);
    image.onerror = () => done(false);
    image.src = 'data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw==';
    document.body.append(image);
  });
}
