//! The issuer's directory and the reports of usage, for JavaScript to fetch and to send.

use std::cell::RefMut;

use doorkey_core::Error;
use http::HeaderName;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};

use super::{Checker, thrown};
use crate::link::Link;
use crate::options::invalid;
use crate::report::{moment, since_start};
use crate::reporting::UsagePost;
use crate::{checker, following};

/// A question for the directory, and its answer as it comes.
#[wasm_bindgen]
pub struct Asked {
    asked: following::Asked,
    url: String,
}

#[wasm_bindgen]
impl Asked {
    /// Where to send a GET.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Names and values in turn, each on a line.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> String {
        lines(self.asked.headers())
    }
}

/// A report of usage that is to be sent.
#[wasm_bindgen]
pub struct UsageReport {
    post: UsagePost,
    url: String,
}

#[wasm_bindgen]
impl UsageReport {
    /// Where to send a POST.
    #[wasm_bindgen(getter)]
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Names and values in turn, each on a line.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> String {
        lines(self.post.headers())
    }

    /// JSON.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> Box<[u8]> {
        self.post.body().into()
    }
}

#[wasm_bindgen]
impl Checker {
    /// Whether to ask for the directory before a request is examined: `none`, `soon`, in the background, or `now`.
    #[wasm_bindgen(js_name = directoryNeed)]
    pub fn directory_need(&self, now: f64, monotonic: f64) -> String {
        let checker = self.0.borrow();
        let need = checker.link().map_or(following::Need::None, |link| link.need(&moment(now, monotonic)));
        need.as_str().to_owned()
    }

    /// How many whole milliseconds to wait before asking for the sake of a key that is not known, or nothing when it is not
    /// worth it; the request with it came at `since`, by the monotonic clock.
    #[wasm_bindgen(js_name = lookIn)]
    pub fn look_in(&self, since: f64, now: f64, monotonic: f64) -> Option<f64> {
        let checker = self.0.borrow();
        let wait = checker.link()?.look_in(since_start(since), &moment(now, monotonic))?;
        // Rounded up: a timer that is told less comes too early.
        Some((wait.as_secs_f64() * 1000.0).ceil())
    }

    /// What was wrong when the directory was asked for last, in words without any secret.
    #[wasm_bindgen(getter, js_name = directoryTrouble)]
    pub fn directory_trouble(&self) -> Option<String> {
        let checker = self.0.borrow();
        let error = checker.link()?.trouble()?;
        Some(format!("{}: {error}", error.code()))
    }

    /// Asks for the directory; what was asked before is not answered any more.
    #[wasm_bindgen(js_name = askDirectory)]
    pub fn ask_directory(&self, now: f64, monotonic: f64) -> Result<Asked, JsValue> {
        let mut link = self.link_mut()?;
        let asked = link.ask(&moment(now, monotonic)).map_err(thrown)?;
        let url = link.directory_url(&asked);
        Ok(Asked { asked, url })
    }

    /// Takes over a piece of an answer with status 200. Throws if it cannot be read or does not fit: then it is over.
    #[wasm_bindgen(js_name = takeLines)]
    pub fn take_lines(&self, asked: &mut Asked, piece: &[u8], now: f64, monotonic: f64) -> Result<(), JsValue> {
        self.link_mut()?.take(&mut asked.asked, piece, &moment(now, monotonic)).map_err(thrown)
    }

    /// The answer is over. Throws if it was cut off.
    #[wasm_bindgen(js_name = endDirectory)]
    pub fn end_directory(&self, asked: Asked, now: f64, monotonic: f64) -> Result<(), JsValue> {
        self.link_mut()?.end(&asked.asked, &moment(now, monotonic)).map_err(thrown)
    }

    /// There was no answer, or it had another status, and this document; a status of 0 stands for none, or for one that
    /// was broken off. Does nothing after something was thrown of the same answer.
    #[wasm_bindgen(js_name = noteRefusal)]
    pub fn note_refusal(
        &self,
        asked: Asked,
        status: u16,
        document: Option<Box<[u8]>>,
        now: f64,
        monotonic: f64,
    ) -> Result<(), JsValue> {
        self.link_mut()?.refused(&asked.asked, status, document.as_deref(), &moment(now, monotonic));
        Ok(())
    }

    /// A report to send now, if there is something to tell and it is time.
    #[wasm_bindgen(js_name = nextReport)]
    pub fn next_report(&self, now: f64, monotonic: f64) -> Result<Option<UsageReport>, JsValue> {
        let Ok(mut link) = self.link_mut() else { return Ok(None) };
        let url = link.usage_url();
        let post = link.next_report(&moment(now, monotonic)).map_err(thrown)?;
        Ok(post.map(|post| UsageReport { post, url }))
    }

    /// What became of a report: the answer's status, 0 for none, and its document; `random` is 12 bytes.
    #[wasm_bindgen(js_name = noteReport)]
    pub fn note_report(
        &self,
        report: UsageReport,
        status: u16,
        document: Option<Box<[u8]>>,
        random: &[u8],
        now: f64,
    ) -> Result<(), JsValue> {
        let noted = self.link_mut()?.note_report(&report.post, status, document.as_deref(), random, &moment(now, 0.0));
        noted.map_err(thrown)
    }

    fn link_mut(&self) -> Result<RefMut<'_, Link>, JsValue> {
        let link = RefMut::filter_map(self.0.borrow_mut(), checker::Checker::link_mut);
        link.map_err(|_| thrown::<Error>(invalid("there is no credential")))
    }
}

fn lines(headers: &[(HeaderName, String)]) -> String {
    let lines: Vec<_> = headers.iter().flat_map(|(name, value)| [name.as_str(), value]).collect();
    lines.join("\n")
}

/// The most bytes of a problem document of the issuer's.
#[wasm_bindgen(js_name = maxProblemLength)]
pub fn max_problem_length() -> usize {
    doorkey_verifier::MAX_PROBLEM_LEN
}
