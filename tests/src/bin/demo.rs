//! Owns the demo program: a simulated site with a real hub and a real cloud to look at, or the unattended stories.
//! Takes `--story` or nothing, and commands on standard input; gives addresses, and an exit code for the stories.
//! Must never leave a process behind or write outside the project's target folder.

use std::io::{self, BufRead, Write};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Duration;

use frostguard_tests::cloud::cloud_world::CloudWorld;
use frostguard_tests::error::SiteError;
use frostguard_tests::programs::workspace;
use frostguard_tests::site::thermal::{Compressor, Door};
use frostguard_tests::world::{FREEZER, FRIDGE, PERSON, PIN, TOPIC, World};
use frostguard_tests::{outage, story};

const LOOK_AFTER_HUB_EVERY: Duration = Duration::from_secs(1);

enum Input {
    Line(String),
    End,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut out = io::stdout();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => live(&mut out).map_or_else(
            |error| {
                let _ = writeln!(out, "The demo cannot go on: {error}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        ),
        ["--story"] => {
            let state = workspace().join("target/demo");
            let mut night = story::tell(&state.join("story"), &mut out);
            night.print_table();
            let night_passed = night.passed();
            say(&mut out, "\nNow the outage.\n");
            let mut outage = outage::tell(&state.join("outage"), &mut out);
            outage.print_table();
            if night_passed && outage.passed() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        _ => {
            let _ = writeln!(out, "usage: demo [--story]");
            ExitCode::from(2)
        }
    }
}

/// What the demo shows; the hub ends before the cloud that it speaks to.
struct Shown {
    world: World,
    far: CloudWorld,
}

fn live(out: &mut dyn Write) -> Result<(), SiteError> {
    let (inputs, arriving) = channel();
    listen_for_end(inputs.clone())?;
    listen_for_lines(inputs);
    let state = workspace().join("target/demo/live");
    say(out, "Starting broker, message bus, sensors, hub, Postgres and cloud ...");
    let mut world = World::start(&state)?;
    let mut far = CloudWorld::start(&state.join("far"))?;
    far.cloud.start(None)?;
    world.hub.start(None)?;
    world.hub.enrol(&far.let_in.link)?;
    let mut shown = Shown { world, far };
    say(out, &welcome(&shown));
    let ended = until_end(out, &mut shown, &arriving);
    let Shown { mut world, far } = shown;
    if ended.is_ok() {
        say(out, "Ending what was started ...");
        world.hub.stop()?;
    }
    world.stop()?;
    far.stop()?;
    ended
}

fn until_end(out: &mut dyn Write, shown: &mut Shown, arriving: &Receiver<Input>) -> Result<(), SiteError> {
    loop {
        match arriving.recv_timeout(LOOK_AFTER_HUB_EVERY) {
            Ok(Input::Line(line)) => match obey(shown, &line) {
                Ok(answer) => say(out, &answer),
                Err(error) => say(out, &error.to_string()),
            },
            Ok(Input::End) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {
                if let Some(status) = shown.world.hub.ended() {
                    return Err(SiteError::Unexpected(format!("the hub has ended: {status}")));
                }
                if let Some(status) = shown.far.cloud.ended() {
                    return Err(SiteError::Unexpected(format!("the cloud has ended: {status}")));
                }
            }
        }
    }
}

fn welcome(shown: &Shown) -> String {
    let Shown { world, far } = shown;
    let port = world.broker.port();
    let api = far.cloud.browser().url("/api/v1");
    format!(
        "\nThe hub's page     {}\n\
         For programs       {}\n\
         The cloud's API    curl -H 'Authorization: Bearer {}' {api}/units\n\
         What it can tell   {api}/openapi.json\n\
         Its database       psql '{}'\n\
         MQTT broker        mosquitto_sub -p {port} -t '{TOPIC}/#' -v\n\
         Message bus        {}\n\
         Hub's settings     {}\n\
         \n\
         One second is a minute for the units; hub and cloud live in real time. Alarms come after a minute.\n\
         Type:   break freezer    its compressor dies; past -15 °C after about 10 s\n\
         \x20       repair freezer   it cools again and the alert clears\n\
         \x20       break fridge | repair fridge | open fridge | close fridge\n\
         \x20       silence freezer | wake freezer    the sensor's battery\n\
         \x20       cut link | mend link              the line between hub and cloud\n\
         \x20       show             the true temperatures\n\
         Acknowledge an alarm on the page as {PERSON} with PIN {PIN}. Ctrl-C ends everything.\n",
        world.hub.browser().url("/"),
        world.hub.browser().url("/status.json"),
        far.let_in.api_key,
        far.database.admin_url(),
        world.bus.address(),
        world.hub.config().display(),
    )
}

fn obey(shown: &Shown, line: &str) -> Result<String, SiteError> {
    let Shown { world, far } = shown;
    let mut words = line.split_whitespace();
    let verb = words.next().unwrap_or_default();
    let unit = match words.next() {
        Some("freezer") => FREEZER,
        Some("fridge") => FRIDGE,
        Some("link") if verb == "cut" => {
            far.link.refuse();
            return Ok("The line is cut.".to_owned());
        }
        Some("link") if verb == "mend" => {
            far.link.mend();
            return Ok("The line is mended.".to_owned());
        }
        _ if verb == "show" => return show(world),
        _ => return Ok("Say what to do to freezer, fridge or link.".to_owned()),
    };
    match verb {
        "break" => world.site.compressor(unit, Compressor::Dead)?,
        "repair" => world.site.compressor(unit, Compressor::Running)?,
        "open" => world.site.door(unit, Door::Open)?,
        "close" => world.site.door(unit, Door::Closed)?,
        "silence" => world.site.silence(unit, true)?,
        "wake" => world.site.silence(unit, false)?,
        _ => return Ok("I know break, repair, open, close, silence, wake and show.".to_owned()),
    }
    Ok("Done.".to_owned())
}

fn show(world: &World) -> Result<String, SiteError> {
    let mut text = String::new();
    for unit in [FREEZER, FRIDGE] {
        let truth = world.site.truth(unit)?;
        text += &format!(
            "{unit}: air {:.2} °C, goods {:.2} °C, compressor {:?}, door {:?}\n",
            truth.air_c, truth.product_c, truth.compressor, truth.door
        );
    }
    Ok(text)
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
