//! Organizations, workspaces, members and roles, as people with and without rights reach for them.

mod archive;
mod lists;
mod members;
mod personal;
mod rights;
mod roles;

use serde_json::{Value, json};

use crate::house::{Answer, House, On};
use crate::person::Person;

/// An organization with one person of each kind, and somebody of another organization.
pub(crate) struct Scene {
    pub(crate) house: House,
    /// Its id.
    pub(crate) organization: String,
    /// The id of its first workspace.
    pub(crate) workspace: String,
    pub(crate) admin: Person,
    pub(crate) member: Person,
    pub(crate) editor: Person,
    pub(crate) viewer: Person,
    pub(crate) stranger: Person,
}

impl Scene {
    pub(crate) async fn new(on: On) -> Self {
        Self::of(House::new(on).await).await
    }

    pub(crate) async fn of(house: House) -> Self {
        let admin = Person::set_up(&house).await;
        let organization = admin.organization(&house).await;
        let workspaces = admin.get(&house, &format!("/v1/organizations/{organization}/workspaces")).await;
        let workspace = workspaces.json["data"][0]["id"].as_str().unwrap().to_owned();
        let invite = async |name: &str, workspaces: Value| {
            let email = format!("{name}@shop.example");
            admin.invite(&house, &organization, &email, "member", workspaces).await
        };
        let member = invite("member", json!([])).await;
        let editor = invite("editor", json!([{ "workspace": workspace, "role": "editor" }])).await;
        let viewer = invite("viewer", json!([{ "workspace": workspace, "role": "viewer" }])).await;
        let other = admin.post(&house, "/v1/organizations", json!({ "name": "Other" })).await;
        let stranger = admin.invite(&house, &id(&other), "stranger@other.example", "admin", json!([])).await;
        Self { house, organization, workspace, admin, member, editor, viewer, stranger }
    }

    /// A path below the organization.
    pub(crate) fn in_organization(&self, rest: &str) -> String {
        format!("/v1/organizations/{}{rest}", self.organization)
    }

    /// A path below the first workspace.
    pub(crate) fn in_workspace(&self, rest: &str) -> String {
        format!("/v1/workspaces/{}{rest}", self.workspace)
    }

    /// The path of a member.
    pub(crate) fn member_path(&self, person: &Person) -> String {
        self.in_organization(&format!("/members/{}", person.id))
    }

    /// A custom role that the admin creates; its id.
    pub(crate) async fn role(&self, name: &str, scopes: &[&str]) -> String {
        let input = json!({ "name": name, "scopes": scopes });
        let answer = self.admin.post(&self.house, &self.in_organization("/roles"), input).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        id(&answer)
    }

    /// Somebody with this role in the organization.
    pub(crate) async fn with_role(&self, name: &str, role: &str) -> Person {
        let email = format!("{name}@shop.example");
        self.admin.invite(&self.house, &self.organization, &email, role, json!([])).await
    }
}

/// The id of what an answer shows.
pub(crate) fn id(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{}", answer.json);
    answer.json["id"].as_str().unwrap().to_owned()
}

/// What a list shows of one member of its entries.
pub(crate) fn column(answer: &Answer, name: &str) -> Vec<Value> {
    answer.json["data"].as_array().unwrap().iter().map(|entry| entry[name].clone()).collect()
}
