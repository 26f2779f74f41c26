//! `frostguard-edge replay`: what rules would have made of a history.
//!
//! Owns the files and streams, the words for wrong lines, and the help, which is where the forms of a history and of
//! what follows are told. A hub is neither needed nor touched.

use super::Failure;
use crate::replay::{self, LineError, Options, ReplayError, SiteText, Summary, Tell};
use std::fs::File;
use std::io::{BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::PathBuf;

/// Bytes that are read or written at once.
const BUFFER: usize = 1 << 16;

const HELP: &str = r#"Examples:
  frostguard-edge replay --site site.toml < events.jsonl > transitions.jsonl
  frostguard-edge replay --site site.toml --from events.jsonl | grep '"page":true'
  frostguard-edge replay --site site.toml --rules proposed.toml < events.jsonl

A history is lines of JSON. Each has "at", in ms since 1970 or as RFC 3339, and one of:
  {"at":…,"unit":"freezer","temperature_c":-18.0}                        a value; read from its digits
  {"at":…,"unit":"freezer","door":"open"}                                or "closed"
  {"at":…,"unit":"freezer","battery_pct":87}
  {"at":…,"unit":"freezer","manual_log":{"temperature_c":4.2,"by":"Maria"}}
  {"at":…,"ack":{"unit":"freezer","by":"Maria"}}                         of all its active alerts
  {"at":…,"shelve":{"unit":"freezer","minutes":60,"reason":"cleaning","by":"Maria"}}    at most 4 hours
  {"at":…,"tick":true}                                                   time passes, nothing else
and, beyond that:
  {"at":…,"unit":"freezer","fault":true}                                 the sensor is there, without a value
  {"at":…,"unit":"freezer","defrost":"on"}                               or "off", from the equipment itself
  {"at":…,"unit":"freezer","replaced":true}                              another sensor in the place of the old one
  {"at":…,"unshelve":{"unit":"freezer"}}   {"at":…,"quiet":{"unit":"freezer"}}   {"at":…,"resolve":{"unit":"freezer"}}
  {"at":…,"started":{"down_from":…,"known":true}}                        the hub runs again after a downtime
  {"at":…,"clock":{"to":…,"offset_ms":0}}                                the axis jumps to "to"; axis minus wall clock
  {"at":…,"untrusted":true}                                              nobody vouches for the wall clock
  {"at":…,"rules":"…"}                                                   another site.toml, as text
Value, door and battery of one device may share a line; "humidity_pct" beside them is passed over. "point":"probe1" names
one of several sensors of a unit, "late":true a value that was not heard when it was measured, "taken":… the time of a
manual log that is entered later.

Lines of one time count as simultaneous, whatever their order. A line of an earlier time than the one before it came late:
it is folded at its place if that is within the last 72 hours and the last 200000 lines, else it is counted on
standard error. What late lines reveal and is over has "retro":true; somebody is told of it once, not for each value.
The history begins with its first line and ends with its last: what is due by then has happened.

Each line of the output is a change of a unit's status or of an alert:
  {"at":…,"unit":…,"status":…,"alert":{"id":…,"type":…,"severity":…,"condition":"active","ack":"none","level":0},
   "page":true,"why":{"text":…,"change":"raised","field":…,"value":…,"provenance":…, figures…}}
"alert" is missing where only the status changed, "page" is true where somebody is called; if something holds that
back, it is why.held_by. The id of an alert is unit/channel/kind/side/ms.

With --rules each line is a difference between the alerts under SITE and those under the other rules, and the last ones are
the figures of each unit and of all ("unit":null): pages saved, excursions missed, minutes later. The units must be the
same; what SITE says of devices holds for both.

Exit codes: 0 done, also if --keep-going left lines out; 1 not done, after what was written until then; 2 wrong usage."#;

/// What to replay, under which rules.
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(super) struct Replay {
    /// The site document whose rules are run
    #[arg(long, value_name = "SITE.toml")]
    site: PathBuf,
    /// Another site document: write what its rules would have made otherwise
    #[arg(long, value_name = "OTHER.toml", conflicts_with = "regions")]
    rules: Option<PathBuf>,
    /// Leave out lines that are wrong, name each on standard error, and go on
    #[arg(long)]
    keep_going: bool,
    /// Write each move of each region as well
    #[arg(long)]
    regions: bool,
    /// Read the history from this file instead of standard input
    #[arg(long, value_name = "EVENTS.jsonl")]
    from: Option<PathBuf>,
}

fn text(path: &PathBuf) -> Result<String, Failure> {
    std::fs::read_to_string(path)
        .map_err(|fault| format!("{} cannot be read: {fault}", path.display()).into())
}

impl Replay {
    /// Replays.
    pub(super) fn run(self) -> Result<(), Failure> {
        let site = text(&self.site)?;
        let site = SiteText { name: &self.site, text: &site };
        let other = self.rules.as_ref().map(text).transpose()?;
        let from: Box<dyn Read> = match &self.from {
            Some(path) => Box::new(
                File::open(path)
                    .map_err(|fault| Failure::from(format!("{} cannot be read: {fault}", path.display())))?,
            ),
            None => Box::new(std::io::stdin().lock()),
        };
        let from = BufReader::with_capacity(BUFFER, from);
        let to = BufWriter::with_capacity(BUFFER, std::io::stdout().lock());
        let mut tell = |number: u64, what: &LineError| eprintln!("line {number}: {what}; left out");
        let keep_going: Option<Tell<'_>> = if self.keep_going { Some(&mut tell) } else { None };
        let options = Options { keep_going, regions: self.regions };
        let done = match (&self.rules, &other) {
            (Some(name), Some(text)) => {
                let other = SiteText { name, text };
                replay::compare(site, other, from, to, options)
            }
            _ => replay::run(site, from, to, options),
        };
        match done {
            Ok(summary) => Ok(say(&summary, other.is_none())?),
            // Whoever reads has seen enough, as `head` has.
            Err(ReplayError::Write(fault)) if fault.kind() == ErrorKind::BrokenPipe => Ok(()),
            Err(fault) => Err(fault.into()),
        }
    }
}

fn say(summary: &Summary, with_pages: bool) -> std::io::Result<()> {
    let Summary { lines, malformed, late, beyond, written } = summary;
    let mut to = std::io::stderr().lock();
    write!(to, "replayed {lines} lines: {} lines follow", written.lines)?;
    if with_pages {
        write!(to, ", {} of them call somebody", written.pages)?;
    }
    if *malformed > 0 {
        write!(to, "; {malformed} lines were wrong and left out")?;
    }
    if *late > 0 {
        write!(to, "; {late} lines came late")?;
    }
    if *beyond > 0 {
        write!(to, "; {beyond} lines came too late to be folded and were left out")?;
    }
    writeln!(to)
}
