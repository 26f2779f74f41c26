//! Owns the words that are spoken with the browser's driver: WebDriver, which is JSON over HTTP.
//! Takes commands; gives their values, or what the driver complains of.
//! Must never know what page is being looked at.

use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;

use crate::error::SiteError;

/// Longer than the longest that the browser itself may take for a command.
const ANSWER_WITHIN: Duration = Duration::from_secs(90);
/// The key under which the protocol keeps an element's name.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page as it was when it was found.
#[derive(Clone, Debug)]
pub struct Element(String);

/// A session with the driver: one browser.
pub struct Driver {
    agent: Agent,
    session: String,
    is_over: bool,
}

fn agent() -> Agent {
    let config = Agent::config_builder().http_status_as_error(false).timeout_global(Some(ANSWER_WITHIN));
    config.build().new_agent()
}

impl Driver {
    /// Whether a driver at this port takes sessions.
    pub fn is_ready(port: u16) -> bool {
        let url = format!("http://127.0.0.1:{port}/status");
        let answer = agent().get(&url).call().ok().and_then(|mut answer| answer.body_mut().read_to_string().ok());
        answer.is_some_and(|text| text.contains("\"ready\":true"))
    }

    /// Begins a session: opens a browser as wished.
    ///
    /// # Errors
    /// When the driver cannot open one.
    pub fn begin(port: u16, wishes: &Value) -> Result<Driver, SiteError> {
        let agent = agent();
        let sessions = format!("http://127.0.0.1:{port}/session");
        let begun = answer(&sessions, agent.post(&sessions).send(wishes.to_string()))?;
        let id = begun["sessionId"].as_str().ok_or_else(|| unexpected("begins no session", &begun))?;
        Ok(Driver { session: format!("{sessions}/{id}"), agent, is_over: false })
    }

    /// Ends the session, and with it the browser.
    pub fn end(&mut self) {
        if !self.is_over {
            self.is_over = true;
            // A browser that is gone already needs no end.
            let _ = self.agent.delete(&self.session).call();
        }
    }

    /// Gives a command.
    ///
    /// # Errors
    /// When the driver refuses it or does not answer.
    pub fn post(&self, command: &str, body: &Value) -> Result<Value, SiteError> {
        let url = format!("{}/{command}", self.session);
        answer(&url, self.agent.post(&url).send(body.to_string()))
    }

    /// Asks for something.
    ///
    /// # Errors
    /// When the driver refuses it or does not answer.
    pub fn get(&self, what: &str) -> Result<Value, SiteError> {
        let url = format!("{}/{what}", self.session);
        answer(&url, self.agent.get(&url).call())
    }

    /// Tells the browser something in its own protocol.
    ///
    /// # Errors
    /// When it refuses.
    pub fn tell(&self, method: &str, parameters: Value) -> Result<Value, SiteError> {
        self.post("goog/cdp/execute", &json!({ "cmd": method, "params": parameters }))
    }

    /// Runs a script in the page that calls its last argument when it is done; gives what it calls it with.
    ///
    /// # Errors
    /// When the script throws or never ends.
    pub fn run(&self, script: &str, arguments: Value) -> Result<Value, SiteError> {
        self.post("execute/async", &json!({ "script": script, "args": arguments }))
    }

    /// The first element that a selector of style sheets finds now, if there is one.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn find(&self, selector: &str) -> Result<Option<Element>, SiteError> {
        let found = self.post("elements", &json!({ "using": "css selector", "value": selector }))?;
        Ok(found[0][ELEMENT].as_str().map(|id| Element(id.to_owned())))
    }

    /// Gives a command to an element.
    ///
    /// # Errors
    /// When the element is gone, or is no such element.
    pub fn act(&self, element: &Element, command: &str, body: &Value) -> Result<(), SiteError> {
        self.post(&format!("element/{}/{command}", element.0), body).map(drop)
    }

    /// The text of an element as it is seen.
    ///
    /// # Errors
    /// When the element is gone.
    pub fn text(&self, element: &Element) -> Result<String, SiteError> {
        Ok(self.get(&format!("element/{}/text", element.0))?.as_str().unwrap_or_default().to_owned())
    }
}

fn answer(
    url: &str,
    answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
) -> Result<Value, SiteError> {
    let failed = |source| SiteError::Http { url: url.to_owned(), source: Box::new(source) };
    let mut response = answer.map_err(failed)?;
    // Pictures are larger than what is read of an answer by default.
    let text = response.body_mut().with_config().limit(64 * 1024 * 1024).read_to_string().map_err(failed)?;
    let mut told: Value =
        serde_json::from_str(&text).map_err(|source| SiteError::Json { what: url.to_owned(), source })?;
    if response.status().is_success() { Ok(told["value"].take()) } else { Err(unexpected("refuses", &told["value"])) }
}

fn unexpected(what: &str, told: &Value) -> SiteError {
    let message = told["message"].as_str().map_or_else(|| told.to_string(), str::to_owned);
    SiteError::Unexpected(format!("the browser's driver {what}: {}", message.lines().next().unwrap_or_default()))
}
