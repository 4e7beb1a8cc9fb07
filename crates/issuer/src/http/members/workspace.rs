//! `/v1/workspaces/{workspace}/members`.

pub(super) mod list;
pub(super) mod remove;
pub(super) mod set;
