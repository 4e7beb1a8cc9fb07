//! People with a cookie, as the console's pages would act for them.

use axum::body::Body;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{Method, Request};
use serde_json::{Value, json};

use crate::house::{Answer, House};

/// Everybody's first password.
pub(crate) const PASSWORD: &str = "correct horse battery";

/// Somebody who has signed in.
#[derive(Clone)]
pub(crate) struct Person {
    /// `usr_…`.
    pub(crate) id: String,
    pub(crate) email: String,
    pub(crate) name: String,
    pub(crate) password: String,
    /// The cookie's name and value, as a browser sends them.
    pub(crate) cookie: String,
    /// `sgn_…`.
    pub(crate) sign_in: String,
}

impl Person {
    /// The first person: the operator, and an admin of the first organization.
    pub(crate) async fn set_up(house: &House) -> Self {
        let link = house.issuer.registry().setup_link().await.unwrap().unwrap();
        let input =
            json!({ "token": token(link.as_str()), "email": "ada@shop.example", "name": "Ada", "password": PASSWORD });
        let answer = visit(house, "/v1/setup", &input).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        Self::of(&answer, PASSWORD)
    }

    /// Who an answer says has signed in.
    pub(crate) fn of(answer: &Answer, password: &str) -> Self {
        let text = |pointer| answer.json.pointer(pointer).unwrap().as_str().unwrap().to_owned();
        Self {
            id: text("/member/id"),
            email: text("/member/email"),
            name: text("/member/name"),
            password: password.into(),
            cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned(),
            sign_in: text("/sign_in/id"),
        }
    }

    /// Signs the same person in once more.
    pub(crate) async fn sign_in(&self, house: &House) -> Self {
        let answer = visit(house, "/v1/sign-ins", &json!({ "email": self.email, "password": self.password })).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        Self::of(&answer, &self.password)
    }

    /// Invites somebody, who accepts as a new person. `workspaces` is a list of `{"workspace", "role"}`.
    pub(crate) async fn invite(
        &self,
        house: &House,
        organization: &str,
        email: &str,
        role: &str,
        workspaces: Value,
    ) -> Self {
        let input = json!({ "email": email, "role": role, "workspaces": workspaces });
        let answer = self.post(house, &format!("/v1/organizations/{organization}/invitations"), input).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        let token = token(answer.json["link"].as_str().unwrap());
        let name = email.split('@').next().unwrap();
        let input = json!({ "token": token, "name": name, "password": PASSWORD });
        let answer = visit(house, "/v1/invitations/accept", &input).await;
        assert_eq!(answer.status, 201, "{}", answer.json);
        Self::of(&answer, PASSWORD)
    }

    /// An admin of another organization, which this person, an operator, makes.
    pub(crate) async fn stranger(&self, house: &House) -> Self {
        let other = self.post(house, "/v1/organizations", json!({ "name": "Other" })).await;
        assert_eq!(other.status, 201, "{}", other.json);
        self.invite(house, other.json["id"].as_str().unwrap(), "mallory@shop.example", "admin", json!([])).await
    }

    /// The id of the first organization that the person belongs to.
    pub(crate) async fn organization(&self, house: &House) -> String {
        let me = self.get(house, "/v1/me").await;
        me.json["memberships"][0]["organization"].as_str().unwrap().to_owned()
    }

    /// Asks the password again, for what takes that.
    pub(crate) async fn confirm(&self, house: &House) {
        let answer = self.post(house, "/v1/sign-ins/confirm", json!({ "password": self.password })).await;
        assert_eq!(answer.status, 204, "{}", answer.json);
    }

    pub(crate) async fn get(&self, house: &House, path: &str) -> Answer {
        house.send(self.request(Method::GET, path, None)).await
    }

    pub(crate) async fn post(&self, house: &House, path: &str, input: Value) -> Answer {
        house.send(self.request(Method::POST, path, Some(input))).await
    }

    pub(crate) async fn patch(&self, house: &House, path: &str, input: Value) -> Answer {
        house.send(self.request(Method::PATCH, path, Some(input))).await
    }

    pub(crate) async fn put(&self, house: &House, path: &str, input: Value) -> Answer {
        house.send(self.request(Method::PUT, path, Some(input))).await
    }

    pub(crate) async fn delete(&self, house: &House, path: &str) -> Answer {
        house.send(self.request(Method::DELETE, path, None)).await
    }

    /// A request of this person, for tests that add to it. `None`, or a `null`, is no body.
    pub(crate) fn request(&self, method: Method, path: &str, input: Option<Value>) -> Request<Body> {
        let mut request = request(method, path, input);
        request.headers_mut().insert(COOKIE, self.cookie.parse().unwrap());
        request
    }
}

/// What somebody sends who has not signed in.
pub(crate) async fn visit(house: &House, path: &str, input: &Value) -> Answer {
    house.send(request(Method::POST, path, Some(input.clone()))).await
}

/// A request without a cookie. `None`, or a `null`, is no body.
pub(crate) fn request(method: Method, path: &str, input: Option<Value>) -> Request<Body> {
    let request = Request::builder().method(method).uri(path);
    match input.filter(|input| !input.is_null()) {
        Some(input) => request.header(CONTENT_TYPE, "application/json").body(Body::from(input.to_string())).unwrap(),
        None => request.body(Body::empty()).unwrap(),
    }
}

/// What a link carries behind `#`, which no server gets to see.
pub(crate) fn token(link: &str) -> &str {
    link.split_once("#token=").unwrap().1
}
