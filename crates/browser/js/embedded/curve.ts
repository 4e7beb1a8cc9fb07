export { default } from "embedded:doorkey_curve_bg.wasm";
