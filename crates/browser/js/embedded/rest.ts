export { default } from "embedded:doorkey_browser_bg.wasm";
