//! An issuer, a gate that follows it, and a service behind that, which end with their test.

use std::cell::Cell;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use doorkey_core::{
    ContentDigest, Nonce, ProofBody, ProofKey, ProofRequest, RequestTarget, SecretKey, SigningKey, UnsignedProof,
    UnsignedUrl,
};
use serde_json::Value;

use crate::house::{House, PAGE, Server};
use crate::wire::{Answer, request, send};

/// The API's public origin, on which a signature depends. Loopback, so that plain http will do.
pub(crate) const API: &str = "http://api.localhost";
const AUTHORITY: &str = "api.localhost";

pub(crate) struct World {
    pub(crate) house: House,
    pub(crate) issuer: Server,
    pub(crate) gate: Gate,
    pub(crate) service: Service,
    pub(crate) secret: String,
    counter: Cell<u64>,
    token: String,
}

impl World {
    /// A gate that front servers ask.
    pub(crate) fn asked(more: &[&str]) -> Self {
        Self::with(|_| more.iter().map(|&argument| argument.to_owned()).collect())
    }

    /// A gate that sends accepted requests on.
    pub(crate) fn proxying(more: &[&str]) -> Self {
        Self::with(|service| {
            let upstream = ["--upstream".to_owned(), format!("http://{}", service.address)];
            upstream.into_iter().chain(more.iter().map(|&argument| argument.to_owned())).collect()
        })
    }

    fn with(more: impl FnOnce(&Service) -> Vec<String>) -> Self {
        let (house, service) = (House::new(), Service::start());
        let serve = ["serve", "--json", "--listen", "127.0.0.1:0", "--audience", API];
        let issuer = house.serve_with(house.doorkey(&serve));
        let credential = house.print(&["verifiers", "add", "gate"]);
        let gate = Gate::start(&house, &credential, &more(&service));
        let secret = issuer.ready["secret_key"].as_str().unwrap().to_owned();
        let (status, session) = issuer.mint(issuer.ready["publishable_key"].as_str().unwrap(), PAGE);
        assert_eq!(status, 201, "{session}");
        let token = session["token"].as_str().unwrap().to_owned();
        Self { house, issuer, gate, service, secret, counter: Cell::new(0), token }
    }

    fn nonce(&self) -> Nonce {
        self.counter.set(self.counter.get() + 1);
        Nonce::new([7; 12], self.counter.get())
    }

    /// The headers with which the session of a page signs a request.
    pub(crate) fn signed(&self, method: &str, target: &str, body: &str) -> String {
        let key = SigningKey::from_seed(&[7; 32]);
        let authorization = format!("Doorkey {}", self.token);
        let signer = ProofKey::from(&key.verifying_key());
        let proof = self.proof(method, target, body, Some(&authorization), signer, &key);
        format!("origin: {PAGE}\r\nauthorization: {authorization}\r\n{proof}")
    }

    /// The headers with which a secret key signs one.
    pub(crate) fn signed_by_key(&self, method: &str, target: &str, body: &str) -> String {
        let key = SecretKey::parse(&self.secret).unwrap();
        self.proof(method, target, body, None, ProofKey::Secret(key.id()), key.signing_key())
    }

    fn proof(
        &self,
        method: &str,
        target: &str,
        body: &str,
        authorization: Option<&str>,
        signer: ProofKey,
        key: &SigningKey,
    ) -> String {
        let digest = (!body.is_empty()).then(|| ContentDigest::of(body.as_bytes()).to_header());
        let covered = ProofRequest {
            method,
            authority: AUTHORITY,
            target: RequestTarget::parse(target).unwrap(),
            authorization,
            body: digest.as_deref().map(|content_digest| ProofBody { content_type: "text/plain", content_digest }),
        };
        let proof = UnsignedProof::new(&covered, signer, self.nonce(), created(), 60).unwrap();
        let signature = UnsignedProof::signature(&key.sign(proof.base().as_bytes()));
        let input = proof.signature_input();
        let of_body = digest.map(|digest| format!("content-type: text/plain\r\ncontent-digest: {digest}\r\n"));
        format!("signature-input: {input}\r\nsignature: {signature}\r\n{}", of_body.unwrap_or_default())
    }

    /// A URL that the session has signed.
    pub(crate) fn signed_url(&self, target: &str) -> String {
        let key = SigningKey::from_seed(&[7; 32]);
        let target = RequestTarget::parse(target).unwrap();
        let url = UnsignedUrl::new(
            AUTHORITY,
            target,
            &self.token,
            *key.verifying_key().as_bytes(),
            self.nonce(),
            created(),
            60,
        )
        .unwrap();
        let signature = key.sign(url.base().as_bytes());
        url.into_target(&signature)
    }

    pub(crate) fn bearer(&self) -> String {
        format!("authorization: Bearer {}\r\n", self.secret)
    }

    pub(crate) fn secret_key_id(&self) -> String {
        SecretKey::parse(&self.secret).unwrap().id().to_string()
    }
}

/// When things are signed: a second ahead, as clocks may be. What was signed in the second in which a gate began could be
/// from before it, and is refused.
#[expect(clippy::disallowed_methods, reason = "real servers have the real time")]
fn created() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 1
}

/// A running gate; it is killed when its test ends, however it ends.
pub(crate) struct Gate {
    pub(crate) process: Child,
    pub(crate) ready: Value,
}

impl Gate {
    pub(crate) fn start(house: &House, credential: &str, more: &[String]) -> Self {
        let mut command = house.doorkey(&["gate", "--json", "--listen", "127.0.0.1:0", "--metrics", "127.0.0.1:0"]);
        command.args(["--audience", API]).args(more).env("DOORKEY_VERIFIER", credential);
        let log = File::options().create(true).append(true).open(house.path("gate-log")).unwrap();
        let mut process = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let mut gate = Self { process, ready: Value::Null };
        gate.ready = serde_json::from_str(&line).unwrap_or_default();
        let log = || std::fs::read_to_string(house.path("gate-log")).unwrap();
        assert!(gate.ready.is_object(), "no ready line: {line:?} {}", log());
        gate
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.ready["address"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn metrics(&self) -> SocketAddr {
        self.ready["metrics"].as_str().unwrap().parse().unwrap()
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let done = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status().unwrap();
        assert!(done.success());
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What is behind the gate.
pub(crate) struct Service {
    process: Child,
    stdin: Option<ChildStdin>,
    pub(crate) address: SocketAddr,
}

impl Service {
    fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/gate/upstream.mjs");
        let mut node = Command::new("node");
        let mut process = node.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = process.stdin.take();
        let mut port = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse().unwrap()));
        Self { process, stdin, address }
    }

    /// What has reached it since the last time.
    pub(crate) fn seen(&self) -> Vec<Value> {
        let answer = send(self.address, request("GET", "/control/seen", "", ""));
        answer.body[answer.body.find('[').unwrap()..].parse::<Value>().unwrap().as_array().unwrap().clone()
    }

    /// Waits until it has seen the end of a request to `path` that it had not answered.
    pub(crate) fn wait_for_hang_up(&self, path: &str) {
        while !self.seen().iter().any(|seen| seen["hungUp"] == path) {}
    }

    /// Ends it at once.
    pub(crate) fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Lets open streams go on.
    pub(crate) fn next(&self) {
        send(self.address, request("GET", "/control/next", "", ""));
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.stdin = None;
        let _ = self.process.wait();
    }
}

/// The headers of that name that the service got.
pub(crate) fn got<'a>(echo: &'a Value, name: &str) -> Vec<&'a str> {
    let headers = echo["headers"].as_array().unwrap().iter();
    headers.filter(|pair| pair[0] == name).map(|pair| pair[1].as_str().unwrap()).collect()
}

/// What the service says that it got, of a request that got through.
#[track_caller]
pub(crate) fn echo(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{:?} {}", answer.headers, answer.body);
    let (start, end) = (answer.body.find('{').unwrap(), answer.body.rfind('}').unwrap());
    answer.body[start..=end].parse().unwrap()
}
