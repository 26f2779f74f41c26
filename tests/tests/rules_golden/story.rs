//! A story as a file: its sections.
//!
//! Takes the text; gives title, prose, site documents, the history and the outcome as lines with their numbers. Judges
//! only the frame.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::site;

/// A line and its number in the file.
pub type Numbered = (usize, String);

/// One golden history.
#[derive(Clone)]
pub struct Story {
    pub name: String,
    pub title: String,
    pub prose: String,
    pub site: toml::Table,
    pub rules: BTreeMap<String, toml::Table>,
    pub history: Vec<Numbered>,
    pub outcome: Vec<Numbered>,
}

/// The folder of the stories.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("golden/rules")
}

/// All stories, by name; the first fault ends it.
pub fn all() -> Vec<Story> {
    let mut names: Vec<String> = std::fs::read_dir(folder())
        .expect("the folder of golden histories")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".txt").map(str::to_owned))
        .collect();
    names.sort();
    names.iter().map(|name| load(name)).collect()
}

/// One story by name.
pub fn load(name: &str) -> Story {
    let text =
        std::fs::read_to_string(folder().join(format!("{name}.txt"))).expect("a story that can be read");
    parse(name, &text).unwrap_or_else(|fault| panic!("{name}: {fault}"))
}

/// Reads the sections of a story.
pub fn parse(name: &str, text: &str) -> Result<Story, String> {
    let mut sections: Vec<(String, Vec<Numbered>)> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let heading = line.strip_prefix("## ").or_else(|| line.strip_prefix("# "));
        match heading {
            Some(heading) if line.starts_with("# ") != sections.is_empty() => {
                return Err(format!("line {}: \"{heading}\" stands in the wrong place", index + 1));
            }
            Some(heading) => sections.push((heading.to_owned(), Vec::new())),
            None => {
                let (_, lines) = sections.last_mut().ok_or("the first line is no title")?;
                lines.push((index + 1, line.to_owned()));
            }
        }
    }
    let mut sections = sections.into_iter();
    let (title, prose) = sections.next().ok_or("an empty file")?;
    let mut story = Story {
        name: name.to_owned(),
        title,
        prose: joined(&prose),
        site: toml::Table::new(),
        rules: BTreeMap::new(),
        history: Vec::new(),
        outcome: Vec::new(),
    };
    let mut seen = Vec::new();
    for (heading, lines) in sections {
        match heading.split_once(' ') {
            None if heading == "Site" => story.site = site::complete(&joined(&lines), name)?,
            None if heading == "History" => story.history = written(lines),
            None if heading == "Outcome" => story.outcome = written(lines),
            Some(("Rules", key)) => {
                story.rules.insert(key.to_owned(), site::complete(&joined(&lines), name)?);
            }
            _ => return Err(format!("there is no section \"{heading}\"")),
        }
        seen.push(heading);
    }
    match ["Site", "History", "Outcome"].into_iter().find(|needed| !seen.iter().any(|is| is == needed)) {
        Some(missing) => Err(format!("the section \"{missing}\" is missing")),
        None => Ok(story),
    }
}

impl Story {
    /// The zone of its site.
    pub fn zone(&self) -> TimeZone {
        let name = self.site["site"]["zone"].as_str().expect("a zone that is a text");
        TimeZone::get(name).unwrap_or_else(|fault| panic!("{}: {fault}", self.name))
    }
}

fn joined(lines: &[Numbered]) -> String {
    let lines: Vec<&str> = lines.iter().map(|(_, line)| line.as_str()).collect();
    lines.join("\n").trim().to_owned()
}

fn written(lines: Vec<Numbered>) -> Vec<Numbered> {
    lines.into_iter().filter(|(_, line)| !line.trim().is_empty()).collect()
}
