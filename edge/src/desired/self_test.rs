//! The self-test: what an alarm needs, tried. Pure.
//!
//! Owns which checks there are, when the test is over, and what each has seen in words. The watch says what it has
//! done and heard; an output that does not answer in time is one check that has failed, not a reason to wait on.

use frostguard_shared::event::Check;
use frostguard_shared::ids::CommandId;
use frostguard_shared::time::{BoottimeMs, DurationMs, Trust};
use std::collections::{BTreeMap, BTreeSet};

/// Outputs answer within this, or do not.
const ANSWER_WITHIN: DurationMs = DurationMs::seconds(20);
/// A record that waits for longer than so many others says that the cloud does not take them.
const BACKLOG_MAX: u64 = 5_000;

/// A test under way.
#[derive(Clone, Debug)]
pub struct SelfTest {
    /// The command that asked for it.
    pub command: CommandId,
    /// When it began.
    pub began: BoottimeMs,
    /// The number by which outputs were called.
    pub call: u64,
    /// What reading back a committed row has shown.
    pub journal: Result<String, String>,
    /// Outputs to answer.
    pub outputs: BTreeSet<String>,
    /// Those that have.
    pub answered: BTreeSet<String>,
}

/// What else is known when the test ends.
pub struct Around<'a> {
    /// Outputs with what is wrong with them.
    pub outputs: &'a BTreeMap<String, Option<String>>,
    /// Sources with what is wrong with them.
    pub sources: &'a BTreeMap<&'static str, Option<String>>,
    /// Trust in the clock.
    pub trust: Trust,
    /// How many records wait for the cloud.
    pub waiting: u64,
}

impl SelfTest {
    /// True if there is nothing more to wait for.
    pub fn is_over(&self, now: BoottimeMs) -> bool {
        self.outputs.is_subset(&self.answered) || now.0.saturating_sub(self.began.0) as i64 >= ANSWER_WITHIN.0
    }

    /// Everything that was tried.
    pub fn checks(&self, around: &Around<'_>) -> Vec<Check> {
        let mut checks = vec![check("record", self.journal.clone())];
        if self.outputs.is_empty() {
            checks.push(check("outputs", Err("there is no output, so nothing sounds here".into())));
        }
        for output in &self.outputs {
            let fault = around.outputs.get(output).cloned().flatten();
            let seen = match fault {
                _ if self.answered.contains(output) => Ok("it has told a message marked as a test".into()),
                Some(fault) => Err(format!("it does not work: {fault}")),
                None => Err(format!("it has not answered within {ANSWER_WITHIN}")),
            };
            checks.push(check(&format!("output {output}"), seen));
        }
        for (source, fault) in around.sources {
            let seen = fault.as_ref().map_or_else(|| Ok("it works".into()), |fault| Err(fault.clone()));
            checks.push(check(&format!("source {source}"), seen));
        }
        let clock = if around.trust.is_trusted() { Ok } else { Err };
        checks.push(check("clock", clock(format!("the clock is {}", around.trust.word().replace('_', " ")))));
        let cloud = if around.waiting <= BACKLOG_MAX { Ok } else { Err };
        checks.push(check("cloud", cloud(format!("{} records wait for the cloud", around.waiting))));
        checks
    }
}

fn check(name: &str, seen: Result<String, String>) -> Check {
    let passed = seen.is_ok();
    let (Ok(text) | Err(text)) = seen;
    Check { name: name.into(), passed, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(outputs: &[&str]) -> SelfTest {
        SelfTest {
            command: CommandId::from_bytes([1; 16]),
            began: BoottimeMs(1_000),
            call: 1,
            journal: Ok("read back".into()),
            outputs: outputs.iter().map(|name| (*name).to_owned()).collect(),
            answered: BTreeSet::new(),
        }
    }

    #[test]
    fn a_test_is_over_when_all_outputs_have_answered_or_when_their_time_is_up() {
        let mut one = test(&["log", "siren"]);
        one.answered.insert("log".into());
        assert!(!one.is_over(BoottimeMs(20_999)));
        assert!(one.is_over(BoottimeMs(21_000)));
        one.answered.insert("siren".into());
        assert!(one.is_over(BoottimeMs(1_000)));
    }

    #[test]
    fn each_part_that_does_not_work_is_a_check_of_its_own_that_says_why() {
        let mut one = test(&["log", "siren"]);
        one.answered.insert("log".into());
        let outputs = BTreeMap::from([("siren".to_owned(), Some("no broker".to_owned()))]);
        let sources = BTreeMap::from([("ble", None), ("lorawan", Some("refused".to_owned()))]);
        let around = Around { outputs: &outputs, sources: &sources, trust: Trust::Untrusted, waiting: 3 };
        let failed: Vec<String> =
            one.checks(&around).into_iter().filter(|check| !check.passed).map(|check| check.name).collect();
        assert_eq!(failed, ["output siren", "source lorawan", "clock"]);
    }
}
