const { TestEnvironment } = require('jest-environment-jsdom');

/** A jsdom with what every browser has and jsdom lacks. */
module.exports = class extends TestEnvironment {
  async setup() {
    await super.setup();
    const window = this.global;
    Object.assign(window, {
      fetch,
      Headers,
      Request,
      Response,
      ReadableStream,
      TextDecoder,
      TextEncoder,
      structuredClone,
      ResizeObserver: class {
        observe() {}
        unobserve() {}
        disconnect() {}
      },
      IntersectionObserver: class {
        observe() {}
        unobserve() {}
        disconnect() {}
      },
      matchMedia: query => ({
        matches: false,
        media: query,
        addEventListener() {},
        removeEventListener() {}
      })
    });
    Object.defineProperty(window.navigator, 'clipboard', {
      value: { writeText: async () => {}, write: async () => {} }
    });
    window.DragEvent ??= class DragEvent extends window.MouseEvent {};
    window.PointerEvent ??= class PointerEvent extends window.MouseEvent {};
    window.Element.prototype.scrollIntoView ??= () => {};
    window.Range.prototype.getClientRects ??= () => [];
    window.Range.prototype.getBoundingClientRect ??= () => new window.DOMRect();
  }
};
