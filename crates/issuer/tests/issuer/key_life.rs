//! The life of a key over HTTP: what each kind of person may do with it, and every rule for it.

mod bounds;
mod create;
mod edit;
mod list;
mod roll;
mod state;
mod who;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::house::{Answer, Browser, CATALOGUE, House, Moving, On, PAGE, Seeded};
use crate::person::Person;

/// A house with an admin, whose clock a test moves.
pub(crate) struct Scene {
    pub(crate) house: House,
    pub(crate) clock: Arc<Moving>,
    pub(crate) admin: Person,
    pub(crate) organization: String,
    pub(crate) workspace: String,
}

impl Scene {
    pub(crate) async fn new(on: On) -> Self {
        Self::with(on, CATALOGUE).await
    }

    pub(crate) async fn with(on: On, settings: &str) -> Self {
        let clock = Arc::new(Moving::default());
        let house = House::with_clock(on, settings, Arc::new(Seeded::default()), clock.clone()).await;
        let admin = Person::set_up(&house).await;
        let organization = admin.organization(&house).await;
        let keys = house.issuer.registry().keys().await.unwrap();
        let workspace = keys[0].workspace.unwrap().to_string();
        Self { house, clock, admin, organization, workspace }
    }

    /// Lets time pass, after which the admin signs in again.
    pub(crate) async fn pass(&mut self, seconds: u64) {
        self.clock.pass(seconds);
        self.admin = self.admin.sign_in(&self.house).await;
    }

    /// Somebody with a role in the workspace, and the role `member` in the organization.
    pub(crate) async fn staff(&self, name: &str, role: &str) -> Person {
        let workspaces = json!([{ "workspace": self.workspace, "role": role }]);
        let email = format!("{name}@shop.example");
        self.admin.invite(&self.house, &self.organization, &email, "member", workspaces).await
    }

    /// A secret key for testing in the workspace, with further members.
    pub(crate) fn secret(&self, more: Value) -> Value {
        merge(json!({ "workspace": self.workspace, "kind": "secret", "environment": "test" }), more)
    }

    /// A publishable key for testing in the workspace, with further members.
    pub(crate) fn publishable(&self, more: Value) -> Value {
        merge(json!({ "workspace": self.workspace, "kind": "publishable", "environment": "test" }), more)
    }

    /// Creates a key as the admin.
    pub(crate) async fn create(&self, input: Value) -> Value {
        let answer = self.admin.post(&self.house, "/v1/keys", input).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        answer.json
    }

    /// How the admin sees a key.
    pub(crate) async fn show(&self, key: &Value) -> Value {
        let answer = self.admin.get(&self.house, &path(key)).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        answer.json
    }

    /// Does something to a key as the admin: `revoke`, `roll`, …
    pub(crate) async fn act(&self, key: &Value, what: &str, input: Value) -> Answer {
        self.admin.post(&self.house, &format!("{}/{what}", path(key)), input).await
    }

    /// The status that a page gets for a mint with a publishable key.
    pub(crate) async fn mint(&self, key: &Value) -> u16 {
        let browser = Browser { origin: Some(PAGE), ..Browser::new(key["key"].as_str().unwrap()) };
        self.house.send(browser.request()).await.status.as_u16()
    }

    /// The actions of the newest events in the audit, the newest first, with the code of a refusal.
    pub(crate) async fn audit(&self, most: usize) -> Vec<(String, Value)> {
        let path = format!("/v1/audit-events?organization={}&limit={most}", self.organization);
        let answer = self.admin.get(&self.house, &path).await;
        assert_eq!(answer.status, 200, "{}", answer.json);
        let events = answer.json["data"].as_array().unwrap();
        events.iter().map(|event| (event["action"].as_str().unwrap().to_owned(), event["code"].clone())).collect()
    }
}

pub(crate) fn path(key: &Value) -> String {
    format!("/v1/keys/{}", key["id"].as_str().unwrap())
}

pub(crate) fn merge(mut input: Value, more: Value) -> Value {
    if let Value::Object(more) = more {
        input.as_object_mut().unwrap().extend(more);
    }
    input
}

/// Status and code of a refusal, or the status and nothing.
pub(crate) fn outcome(answer: &Answer) -> (u16, String) {
    if answer.status.is_success() {
        return (answer.status.as_u16(), String::new());
    }
    let (status, code) = answer.refusal();
    (status, code.to_owned())
}
