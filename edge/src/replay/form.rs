//! The form of what is written: one line of JSON, its parts, and the words in it.
//!
//! Owns the names of the output's fields and the one word and sentence for each change. What belongs into one line is
//! decided by [`super::written`].

use frostguard_shared::alarm::{AlertType, Severity};
use frostguard_shared::rules::{Acknowledgement, Alert, AlertChange, Page, Provenance, UnitStatus, Why};
use serde::Serialize;
use std::collections::BTreeMap;

/// An alert as it is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Shown {
    pub(super) severity: Severity,
    pub(super) is_active: bool,
    pub(super) ack: &'static str,
    pub(super) level: u8,
}

impl Shown {
    pub(super) fn of(alert: &Alert) -> Self {
        let ack = match alert.acknowledgement {
            Acknowledgement::None => "none",
            Acknowledgement::Until(_) => "acknowledged",
            Acknowledgement::Expired => "expired",
        };
        Self { severity: alert.severity, is_active: alert.cleared.is_none(), ack, level: alert.level }
    }

    pub(super) fn new(severity: Severity) -> Self {
        Self { severity, is_active: true, ack: "none", level: 0 }
    }

    /// What a change makes of it, as far as the change says so.
    pub(super) fn after(mut self, change: &AlertChange) -> Self {
        match change {
            AlertChange::Raised { severity, .. } => self = Self::new(*severity),
            AlertChange::Upgraded { severity, .. } => self.severity = *severity,
            AlertChange::Cleared { .. } => self.is_active = false,
            AlertChange::Relapsed { .. } => self.is_active = true,
            AlertChange::AckExpired => self.ack = "expired",
            AlertChange::Escalated { level } => self.level = *level,
            AlertChange::Told { .. } => {}
        }
        self
    }
}

#[derive(Serialize)]
pub(super) struct AlertForm<'a> {
    pub(super) id: String,
    #[serde(rename = "type")]
    pub(super) kind: AlertType,
    pub(super) severity: Severity,
    pub(super) condition: &'a str,
    pub(super) ack: &'a str,
    pub(super) level: u8,
}

#[derive(Serialize)]
pub(super) struct WhyForm<'a> {
    pub(super) text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) field: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) value: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) provenance: Option<Provenance>,
    #[serde(flatten)]
    pub(super) figures: &'a BTreeMap<String, i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) held_by: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) by: Option<&'a str>,
}

#[derive(Serialize)]
pub(super) struct RegionForm<'a> {
    pub(super) name: &'static str,
    pub(super) point: &'a str,
    pub(super) from: &'static str,
    pub(super) to: &'static str,
}

#[derive(Serialize)]
pub(super) struct Form<'a> {
    pub(super) at: String,
    pub(super) unit: &'a str,
    pub(super) status: UnitStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) alert: Option<AlertForm<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<RegionForm<'a>>,
    pub(super) page: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) retro: bool,
    pub(super) why: WhyForm<'a>,
}

/// The word for what happened to an alert.
pub(super) fn word(change: &AlertChange) -> &'static str {
    match change {
        AlertChange::Raised { .. } => "raised",
        AlertChange::Upgraded { .. } => "upgraded",
        AlertChange::Cleared { .. } => "cleared",
        AlertChange::Relapsed { .. } => "relapsed",
        AlertChange::AckExpired => "ack_expired",
        AlertChange::Escalated { .. } => "escalated",
        AlertChange::Told { .. } => "told",
    }
}

/// The reason; those that carry none have only one.
pub(super) fn reason(change: &AlertChange) -> Why {
    match change {
        AlertChange::Raised { why, .. }
        | AlertChange::Upgraded { why, .. }
        | AlertChange::Cleared { why }
        | AlertChange::Relapsed { why }
        | AlertChange::Told { why } => why.clone(),
        AlertChange::AckExpired => Why::because("the acknowledgement ended and the condition has not"),
        AlertChange::Escalated { level } => {
            Why::because(format!("nobody is on it: level {level} is told")).with("level", i64::from(*level))
        }
    }
}

/// What holds a page back, if something does.
pub(super) fn held(page: Page) -> Option<&'static str> {
    match page {
        Page::Sent | Page::NotNeeded => None,
        Page::HeldBySchedule => Some("schedule"),
        Page::HeldByShelve => Some("shelve"),
        Page::HeldByAcknowledgement => Some("acknowledgement"),
        Page::HeldByRecentPage => Some("recent_page"),
    }
}
pub(super) fn why_form(why: &Why) -> WhyForm<'_> {
    let basis = why.basis.as_ref();
    WhyForm {
        text: &why.text,
        change: None,
        field: basis.map(|basis| basis.field.as_str()),
        value: basis.map(|basis| basis.value),
        provenance: basis.map(|basis| basis.provenance),
        figures: &why.figures,
        held_by: None,
        by: None,
    }
}
