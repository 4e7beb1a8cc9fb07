//! The demo's page, built with the packed SDK as a customer would build it.

use std::fs;
use std::path::PathBuf;

use anyhow::Result;

use crate::sdk;
use crate::shell::{command, once, root, step};

/// Where Vite puts the page.
pub(crate) fn dist() -> PathBuf {
    root().join("www/dist/demo")
}

/// Installs the packed SDK beside the page and builds the page, unless nothing has changed.
pub(crate) fn build() -> Result<()> {
    let tarball = sdk::pack()?;
    let installed = root().join("www/node_modules/@doorkey/browser");
    let inputs = [tarball.clone(), root().join("www"), root().join("package-lock.json")];
    once("page", &inputs, &[dist(), installed.join("package.json")], || {
        // What `npm install doorkey-browser.tgz` does for a package without dependencies; npm itself would link the
        // workspace's folder instead, and the demo would no longer test what is published.
        if installed.exists() {
            fs::remove_dir_all(&installed)?;
        }
        fs::create_dir_all(&installed)?;
        let (tarball, folder) = (tarball.display().to_string(), installed.display().to_string());
        step(
            "install the packed SDK",
            &mut command("tar", &["-xzf", &tarball, "-C", &folder, "--strip-components=1"]),
        )?;
        step("build the page", &mut command("npm", &["run", "--silent", "build", "-w", "www"]))
    })
}
