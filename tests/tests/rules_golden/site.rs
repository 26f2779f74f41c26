//! The site documents of a story: what they leave out, and what is taken away from them to see whether it matters.
//!
//! Takes the text of a section; gives a document that a hub would accept. Fills in only what no rule looks at.

use toml::{Table, Value};

/// A document with what it leaves out.
pub fn complete(text: &str, name: &str) -> Result<Table, String> {
    let mut document: Table = text.parse().map_err(|fault| format!("the site section: {fault}"))?;
    let site = table(&mut document, "site");
    site.entry("name").or_insert_with(|| Value::String(name.to_owned()));
    site.entry("zone").or_insert_with(|| Value::String("UTC".to_owned()));
    for (key, unit) in table(&mut document, "units").iter_mut() {
        let unit = unit.as_table_mut().ok_or_else(|| format!("units.{key} is no table"))?;
        unit.entry("name").or_insert_with(|| Value::String(key.clone()));
        unit.entry("type").or_insert_with(|| Value::String("walk_in_cooler".to_owned()));
    }
    for (number, (key, device)) in table(&mut document, "devices").iter_mut().enumerate() {
        let device = device.as_table_mut().ok_or_else(|| format!("devices.{key} is no table"))?;
        device.entry("model").or_insert_with(|| Value::String("dragino-lht65".to_owned()));
        device.entry("address").or_insert_with(|| Value::String(format!("a840410000{number:06x}")));
    }
    Ok(document)
}

fn table<'a>(document: &'a mut Table, key: &str) -> &'a mut Table {
    let entry = document.entry(key).or_insert_with(|| Value::Table(Table::new()));
    entry.as_table_mut().unwrap_or_else(|| panic!("{key} is no table"))
}

/// Takes a field out of every rule of an alert type, in all tiers; true if it was said anywhere.
pub fn blank(document: &mut Table, alert_type: &str, field: &str) -> bool {
    let mut found = false;
    for (_, unit) in table(document, "units").iter_mut() {
        let rule = unit.get_mut("rules").and_then(|rules| rules.get_mut(alert_type));
        let Some(rule) = rule.and_then(Value::as_table_mut) else { continue };
        found |= rule.remove(field).is_some();
        let tiers = rule.get_mut("tiers").and_then(Value::as_table_mut);
        for (_, tier) in tiers.into_iter().flatten() {
            found |= tier.as_table_mut().is_some_and(|tier| tier.remove(field).is_some());
        }
    }
    found
}

/// The text of a document.
pub fn text(document: &Table) -> String {
    toml::to_string(document).expect("a document that was read")
}
