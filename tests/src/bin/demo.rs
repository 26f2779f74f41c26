//! Owns the demo program: a simulated site with a real hub and a real cloud to look at, or the unattended stories.
//! Takes `--story`, `--minutes N` or nothing, and commands on standard input; gives addresses, and an exit code that
//! says whether a story or a timed demo went well.
//! Must never leave a process behind or write outside the project's target folder.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use frostguard_tests::clock::now;
use frostguard_tests::cloud::service::Newcomer;
use frostguard_tests::demo::{Demo, KITCHEN, PEOPLE, commands, verdict};
use frostguard_tests::error::SiteError;
use frostguard_tests::programs::workspace;
use frostguard_tests::world::{PERSON, PIN, TOPIC};
use frostguard_tests::{outage, story};

const LOOK_EVERY: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

enum Input {
    Line(String),
    End,
}

/// When the live demo ends.
#[derive(Clone, Copy)]
enum Until {
    Asked,
    Minutes(u32),
}

/// How the live demo ended.
enum Ended {
    Asked,
    InTime,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    let until = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => Some(Until::Asked),
        ["--story"] => return tell_stories(&mut out),
        ["--minutes", count] => count.parse().ok().filter(|count| *count > 0).map(Until::Minutes),
        _ => None,
    };
    let Some(until) = until else {
        let _ = writeln!(out, "usage: demo [--story | --minutes N]");
        return ExitCode::from(2);
    };
    match live(&mut out, until) {
        Ok(faults) if faults.is_empty() => ExitCode::SUCCESS,
        Ok(faults) => {
            say(&mut out, &format!("\nNot as it should be:\n{}", faults.join("\n")));
            ExitCode::FAILURE
        }
        Err(error) => {
            say(&mut out, &format!("The demo cannot go on: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn tell_stories(out: &mut dyn Write) -> ExitCode {
    let state = workspace().join("target/demo");
    let night_passed = {
        let mut night = story::tell(&state.join("story"), out);
        night.print_table();
        night.passed()
    };
    say(out, "\nNow the outage.\n");
    let mut outage = outage::tell(&state.join("outage"), out);
    outage.print_table();
    if night_passed && outage.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the live demo; gives what went wrong, if it was given its time.
fn live(out: &mut dyn Write, until: Until) -> Result<Vec<String>, SiteError> {
    let (inputs, arriving) = channel();
    listen_for_end(inputs.clone())?;
    listen_for_lines(inputs);
    say(out, "Starting cloud, broker, message bus, sensors and hubs ...");
    let mut demo = Demo::start(&workspace().join("target/demo/live"))?;
    say(out, &welcome(&demo));
    let ended = until_end(out, &mut demo, &arriving, until)?;
    let (held, logs) = (verdict::held(&demo.far.database)?, demo.logs());
    say(out, &format!("\n{}\nEnding what was started ...", verdict::table(&held)));
    demo.stop()?;
    match (ended, until) {
        (Ended::InTime, Until::Minutes(minutes)) => verdict::faults(&logs, &held, u64::from(minutes)),
        (Ended::InTime | Ended::Asked, _) => Ok(Vec::new()),
    }
}

fn until_end(
    out: &mut dyn Write,
    demo: &mut Demo,
    arriving: &Receiver<Input>,
    until: Until,
) -> Result<Ended, SiteError> {
    let end: Option<Instant> = match until {
        Until::Asked => None,
        Until::Minutes(minutes) => Some(now() + MINUTE * minutes),
    };
    loop {
        if end.is_some_and(|end| now() >= end) {
            return Ok(Ended::InTime);
        }
        match arriving.recv_timeout(LOOK_EVERY) {
            Ok(Input::Line(line)) => match commands::obey(demo, &line) {
                Ok(answer) => say(out, &answer),
                Err(error) => say(out, &error.to_string()),
            },
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Asked),
            Err(RecvTimeoutError::Timeout) => demo.look_after()?,
        }
    }
}

fn welcome(demo: &Demo) -> String {
    let far = &demo.far;
    let port = demo.kitchen.broker.port();
    let api = far.cloud.browser().url("/api/v1");
    let mut text = format!("\n{:<18} {}", "The dashboard", format_args!("{}/", far.cloud.people_url()));
    for person in PEOPLE {
        let Newcomer { email, password, role, .. } = person;
        text += &format!("\n{:<18} {email} with the password \"{password}\" ({role})", "");
    }
    for (name, hub) in demo.hubs() {
        let (page, settings) = (hub.browser().url("/"), hub.config().display());
        text += &format!("\n{name:<18} {page}  by {settings}");
    }
    text += &format!(
        "\n\
         The cloud's API    curl -H 'Authorization: Bearer {}' {api}/units\n\
         What it can tell   {api}/openapi.json\n\
         Its database       psql '{}'\n\
         MQTT broker        mosquitto_sub -p {port} -t '{TOPIC}/#' -v\n\
         Message bus        {}\n\
         \n\
         One second is a minute for the units; hubs and cloud live in real time. Alarms come after a minute.\n\
         Units: {}\n\
         Type:\n{}\n\
         Acknowledge an alarm on the page of {KITCHEN} as {PERSON} with PIN {PIN}. Ctrl-C ends everything.\n",
        far.let_in.api_key,
        far.database.admin_url(),
        demo.kitchen.bus.address(),
        commands::units().join(", "),
        commands::HELP,
    );
    text
}

fn say(out: &mut dyn Write, text: &str) {
    // Without a reader the demo goes on; the page is what matters.
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

/// The end of the input is not the end of the demo: it may run without a terminal.
fn listen_for_lines(inputs: Sender<Input>) {
    thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if !line.trim().is_empty() && inputs.send(Input::Line(line)).is_err() {
                return;
            }
        }
    });
}

fn listen_for_end(inputs: Sender<Input>) -> Result<(), SiteError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(SiteError::io("wait for signals"))?;
    let (mut interrupt, mut terminate) = runtime.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let listen = |kind| signal(kind).map_err(SiteError::io("listen for a signal"));
        Ok::<_, SiteError>((listen(SignalKind::interrupt())?, listen(SignalKind::terminate())?))
    })?;
    thread::spawn(move || {
        runtime.block_on(async {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        });
        let _ = inputs.send(Input::End);
    });
    Ok(())
}
