//! The log as an annunciator: alarms as lines that whoever reads the journal of the machine sees.

use super::{Desired, Level, Report};
use tokio::sync::watch;

/// Writes each change of the desired state, until the hub ends.
pub async fn run(output: String, mut desired: watch::Receiver<Desired>, report: impl Fn(Report)) {
    let mut told = 0;
    let mut level = Level::Ok;
    let mut answered = 0;
    let mut identifies = false;
    report(Report::State { output: output.clone(), fault: None });
    loop {
        let now = desired.borrow_and_update().clone();
        told = told.max(now.told.get(&output).copied().unwrap_or(0));
        for news in now.news.iter().filter(|news| news.seq > told) {
            tracing::warn!(alert = %news.alert, unit = %news.unit_name, "{}: {}", news.happened.word(), news.text);
        }
        if let Some(last) = now.news.back().filter(|last| last.seq > told) {
            told = last.seq;
            report(Report::Told { output: output.clone(), seq: told });
        }
        if now.loudest() != level {
            level = now.loudest();
            tracing::warn!(alarms = now.alarms.len(), "the alarm is now {}", level.word());
        }
        if let Some(call) = now.call.filter(|call| call.number > answered) {
            tracing::info!(why = call.why.word(), "TEST: this is a test of the hub's outputs and no alarm");
            answered = call.number;
            report(Report::Answered { output: output.clone(), call: answered });
        }
        if now.identify.is_some() != identifies {
            identifies = now.identify.is_some();
            match &now.identify {
                Some(name) => tracing::warn!(hub = %now.hub, "HERE: this is the hub of {name}"),
                None => tracing::info!("the hub shows itself no longer"),
            }
        }
        if desired.changed().await.is_err() {
            return;
        }
    }
}
