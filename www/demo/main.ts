import { mount } from "svelte";
import App from "../src/demo/App.svelte";
import "../src/look/base.css";

const target = document.getElementById("page");
if (!target) throw new Error("index.html has no #page");
mount(App, { target });
