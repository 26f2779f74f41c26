//! Owns what a person does with a page: open it, wait until it shows something, click, type, take a picture.
//! Takes selectors and words; gives what is seen.
//! Must never wait without a limit, nor go on before what it waits for is there.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::Chromium;
use super::driver::Element;
use crate::clock::wait_for;
use crate::error::SiteError;

/// How much of a page is told when it does not show what was awaited.
const TOLD_MAX: usize = 1_500;

impl Chromium {
    /// Opens an address of the page by typing it.
    ///
    /// # Errors
    /// When it does not load.
    pub fn open(&self, path: &str) -> Result<(), SiteError> {
        self.driver.post("url", &json!({ "url": format!("{}{path}", self.base) })).map(drop)
    }

    /// Signs in at the door, and waits until the overview is there.
    ///
    /// # Errors
    /// When it does not come.
    pub fn sign_in(&self, email: &str, password: &str, limit: Duration) -> Result<(), SiteError> {
        self.type_into("input[name=email]", email, limit)?;
        self.type_into("input[name=password]", password, limit)?;
        self.click("form button.main", limit)?;
        self.wait_for("#room h1", limit).map(drop)
    }

    /// Waits until a selector finds something that is seen; gives its text.
    ///
    /// # Errors
    /// When nothing comes in time; the error tells what the page shows instead.
    pub fn wait_for(&self, selector: &str, limit: Duration) -> Result<String, SiteError> {
        self.wait_until(selector, limit, |text| Some(text.to_owned()))
    }

    /// Waits until what a selector finds has these words in it.
    ///
    /// # Errors
    /// When they do not come in time; the error tells what the page shows instead.
    pub fn wait_for_text(&self, selector: &str, words: &str, limit: Duration) -> Result<String, SiteError> {
        let found = self.wait_until(selector, limit, |text| text.contains(words).then(|| text.to_owned()));
        found.map_err(|error| SiteError::Unexpected(format!("no “{words}”: {error}")))
    }

    /// Waits until the text of what a selector finds is as wished; gives what was made of it.
    ///
    /// # Errors
    /// When it does not come in time; the error tells what the page shows instead.
    pub fn wait_until<T>(
        &self,
        selector: &str,
        limit: Duration,
        mut wish: impl FnMut(&str) -> Option<T>,
    ) -> Result<T, SiteError> {
        // What is found may be gone when it is asked, because the page is alive: the next look finds what is there then.
        let seen = wait_for(selector, limit, || wish(&self.text_of(selector).ok()??));
        seen.map_err(|error| SiteError::Unexpected(format!("{error}; the page shows:\n{}", self.shown())))
    }

    /// The text of what a selector finds now, if it finds something.
    ///
    /// # Errors
    /// When the browser does not answer, or the element has just gone.
    pub fn text_of(&self, selector: &str) -> Result<Option<String>, SiteError> {
        self.driver.find(selector)?.map(|element| self.driver.text(&element)).transpose()
    }

    /// Clicks what a selector finds, as soon as it can be clicked.
    ///
    /// # Errors
    /// When it cannot in time.
    pub fn click(&self, selector: &str, limit: Duration) -> Result<(), SiteError> {
        self.act(selector, limit, |chromium, element| chromium.driver.act(element, "click", &json!({})))
    }

    /// Types into a field, in place of what is there.
    ///
    /// # Errors
    /// When there is no such field in time.
    pub fn type_into(&self, selector: &str, text: &str, limit: Duration) -> Result<(), SiteError> {
        self.act(selector, limit, |chromium, element| {
            chromium.driver.act(element, "clear", &json!({}))?;
            chromium.driver.act(element, "value", &json!({ "text": text }))
        })
    }

    /// Presses a key where the focus is: a letter, or what the protocol calls a key (`\u{e004}` is the tabulator).
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn press(&self, key: char) -> Result<(), SiteError> {
        let strokes = json!([{ "type": "keyDown", "value": key }, { "type": "keyUp", "value": key }]);
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes });
        self.driver.post("actions", &json!({ "actions": [keyboard] })).map(drop)
    }

    fn act(
        &self,
        selector: &str,
        limit: Duration,
        act: impl Fn(&Chromium, &Element) -> Result<(), SiteError>,
    ) -> Result<(), SiteError> {
        let mut last = "it is not there".to_owned();
        let acted = wait_for(selector, limit, || match self.driver.find(selector) {
            Ok(Some(element)) => act(self, &element).map_err(|error| last = error.to_string()).ok(),
            Ok(None) => None,
            Err(error) => {
                last = error.to_string();
                None
            }
        });
        acted.map_err(|error| {
            SiteError::Unexpected(format!("{error}: {last}; the page shows:\n{}", self.shown()))
        })
    }

    /// Takes a picture of the window; gives where it is.
    ///
    /// # Errors
    /// When there is none, or it cannot be kept.
    pub fn picture(&self, name: &str) -> Result<PathBuf, SiteError> {
        let picture = self.driver.get("screenshot")?;
        let bytes = STANDARD.decode(picture.as_str().unwrap_or_default());
        let bytes = bytes.map_err(|error| SiteError::Unexpected(format!("the picture is none: {error}")))?;
        fs::create_dir_all(&self.pictures).map_err(SiteError::io("create the folder of pictures"))?;
        let path = self.pictures.join(format!("{name}-{}.png", self.window.name()));
        fs::write(&path, bytes).map_err(SiteError::io(format!("write {}", path.display())))?;
        Ok(path)
    }

    /// What the page complained of since this was last asked, but for what it was told to ask for and must not have.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn complaints(&self) -> Result<Vec<String>, SiteError> {
        let entries = self.driver.post("se/log", &json!({ "type": "browser" }))?;
        let entries = entries.as_array().cloned().unwrap_or_default();
        let text = |entry: &Value| entry["message"].as_str().unwrap_or_default().to_owned();
        let matters = |entry: &Value| entry["level"] == "SEVERE" || entry["level"] == "WARNING";
        Ok(entries.iter().filter(|entry| matters(entry)).map(text).collect())
    }

    /// What a person would read on the page now.
    fn shown(&self) -> String {
        let text = self.text_of("body").ok().flatten().unwrap_or_default();
        text.chars().take(TOLD_MAX).collect()
    }
}
