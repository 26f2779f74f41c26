//! Owns the judgement of how a page looks, loads and reads out: what is clipped, what was fetched, what axe finds.
//! Takes the page as it is now; gives faults in words, an empty list being a pass.
//! Must never judge by a picture: a layout is measured where the browser has laid it out.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::Chromium;
use crate::error::SiteError;

const LAYOUT: &str = include_str!("layout.js");
/// Where npm keeps what judges accessibility, beside what builds the dashboard.
const AXE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../cloud/dashboard/node_modules/axe-core/axe.min.js");

/// What the page has fetched since it was opened.
#[derive(Clone, Debug, PartialEq)]
pub struct Loaded {
    /// Bytes that came over the network, packed as they came, with their headers.
    pub bytes: u64,
    /// Addresses that are not the cloud's own.
    pub foreign: Vec<String>,
    /// From the beginning to the first words on the screen.
    pub first_paint: Option<Duration>,
}

impl Chromium {
    /// What is clipped, overlaps, sticks out of the window, or is too small for the finger that uses it.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn layout_faults(&self) -> Result<Vec<String>, SiteError> {
        self.driver.run(LAYOUT, json!([self.window.is_touched()])).map(|faults| words(&faults))
    }

    /// What axe finds that is serious or critical.
    ///
    /// # Errors
    /// When axe is not installed, or the browser does not answer.
    pub fn accessibility_faults(&self) -> Result<Vec<String>, SiteError> {
        let axe = fs::read_to_string(Path::new(AXE)).map_err(SiteError::io(format!("read {AXE}")))?;
        let judge = "
            const done = arguments[arguments.length - 1];
            const tell = ({ id, impact, nodes }) => `${impact} ${id}: ` + nodes.map((node) =>
              node.html.slice(0, 160) + ' ' + (node.failureSummary ?? '').replace(/\\s+/g, ' ').slice(0, 240)).join(' | ');
            axe.run(document, { resultTypes: ['violations'] }).then(
              ({ violations }) => done(violations.filter(({ impact }) => ['serious', 'critical'].includes(impact)).map(tell)),
              (fault) => done([`axe itself failed: ${fault}`]),
            );";
        self.driver.run(&format!("{axe};{judge}"), json!([])).map(|faults| words(&faults))
    }

    /// What the page has fetched, and how soon it showed something.
    ///
    /// # Errors
    /// When the browser does not answer.
    pub fn loaded(&self) -> Result<Loaded, SiteError> {
        let tell = "
            const done = arguments[arguments.length - 1];
            const fetched = [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')];
            const paint = performance.getEntriesByName('first-contentful-paint')[0];
            done({
              bytes: fetched.reduce((sum, entry) => sum + (entry.transferSize || 0), 0),
              foreign: fetched.map((entry) => entry.name).filter((name) => new URL(name).origin !== location.origin),
              paint: paint ? paint.startTime : null,
            });";
        let told = self.driver.run(tell, json!([]))?;
        let first_paint = told["paint"].as_f64().map(|ms| Duration::from_secs_f64(ms / 1_000.0));
        let bytes = told["bytes"].as_u64();
        let bytes = bytes.ok_or_else(|| SiteError::Unexpected(format!("the page counts no bytes: {told}")))?;
        Ok(Loaded { bytes, foreign: words(&told["foreign"]), first_paint })
    }
}

fn words(list: &Value) -> Vec<String> {
    let items = list.as_array().cloned().unwrap_or_default();
    items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned)).collect()
}
