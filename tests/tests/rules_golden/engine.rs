//! The engine under test: replay, as the hub's command line runs it.
//!
//! Takes a story; gives the outcome that replay prints for its site and its history, or why there is none.

use std::path::Path;

use frostguard_edge::replay::{self, Options, SiteText};
use serde_json::Value;

use crate::history;
use crate::outcome::{self, Line};
use crate::site;
use crate::story::Story;

/// What becomes of a story.
pub fn outcome(story: &Story) -> Result<Vec<Line>, String> {
    let lines: Vec<String> = history::expand(story)?.into_iter().map(|arrival| arrival.line).collect();
    let input = lines.join("\n");
    let text = site::text(&story.site);
    let site = SiteText { name: Path::new("site.toml"), text: &text };
    let mut output = Vec::new();
    replay::run(site, input.as_bytes(), &mut output, Options { keep_going: None, regions: false })
        .map_err(|fault| frostguard_shared::causes::with_causes(&fault))?;
    let printed: Vec<Value> = serde_json::Deserializer::from_slice(&output)
        .into_iter()
        .collect::<Result<_, _>>()
        .map_err(|fault| fault.to_string())?;
    outcome::printed(&printed)
}
