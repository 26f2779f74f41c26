//! Owns the link before the cloud: a proxy on the loopback that carries bytes, cuts after so many of them, or refuses.
//! Takes the cloud's port and what to do; gives a port of its own, and counts of what it has done.
//! Must never change a byte that it carries, nor tell either side why it cut.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::error::SiteError;

/// How often the end of the proxy is looked for while nobody connects.
const LOOK_EVERY: Duration = Duration::from_millis(20);
const CHUNK: usize = 16 * 1024;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Direction {
    /// From hub to cloud.
    Up,
    /// From cloud to hub.
    Down,
}

/// A cut to come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Cut {
    /// Bytes of this direction are counted.
    pub direction: Direction,
    /// So many pass, over all connections; then every connection is cut.
    pub after: u64,
}

#[derive(Default)]
struct State {
    refuses: bool,
    armed: Option<Cut>,
    carried: [u64; 2],
    cuts: u64,
    refused: u64,
    open: Vec<(TcpStream, TcpStream)>,
    ending: bool,
}

/// A running proxy; its connections are cut when it is dropped.
pub struct Proxy {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl Proxy {
    /// Listens on a free port for connections to `target` on 127.0.0.1.
    ///
    /// # Errors
    /// When the loopback gives no port.
    pub fn start(target: u16) -> Result<Proxy, SiteError> {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(SiteError::io("bind the proxy"))?;
        listener.set_nonblocking(true).map_err(SiteError::io("listen without waiting"))?;
        let port = listener.local_addr().map_err(SiteError::io("read the proxy's port"))?.port();
        let state = Arc::new(Mutex::new(State::default()));
        let accepting = Arc::clone(&state);
        thread::spawn(move || accept(&listener, target, &accepting));
        Ok(Proxy { state, port })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Cuts every connection and refuses new ones until [`Proxy::mend`].
    pub fn refuse(&self) {
        let mut state = locked(&self.state);
        state.refuses = true;
        state.cut();
    }

    /// Carries everything again, and forgets a cut that has not come yet.
    pub fn mend(&self) {
        let mut state = locked(&self.state);
        state.refuses = false;
        state.armed = None;
    }

    /// Has the link cut once after so many more bytes; new connections are carried as before.
    pub fn cut_after(&self, cut: Cut) {
        locked(&self.state).armed = Some(cut);
    }

    /// Cuts that have come so far.
    pub fn cuts(&self) -> u64 {
        locked(&self.state).cuts
    }

    /// Connections refused so far.
    pub fn refused(&self) -> u64 {
        locked(&self.state).refused
    }

    /// Bytes carried so far.
    pub fn carried(&self, direction: Direction) -> u64 {
        locked(&self.state).carried[direction as usize]
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = locked(&self.state);
        state.ending = true;
        state.cut();
    }
}

impl State {
    fn cut(&mut self) {
        for (hub, cloud) in self.open.drain(..) {
            // A side that has gone already needs no telling.
            let _ = hub.shutdown(Shutdown::Both);
            let _ = cloud.shutdown(Shutdown::Both);
        }
    }

    /// How many of these bytes may pass; after the last of them the link is cut.
    fn admit(&mut self, direction: Direction, bytes: usize) -> usize {
        let Some(cut) = self.armed.as_mut().filter(|cut| cut.direction == direction) else { return bytes };
        let passing = bytes.min(usize::try_from(cut.after).unwrap_or(bytes));
        cut.after -= passing as u64;
        passing
    }

    /// Cuts if the time has come; says whether it did.
    fn cut_if_due(&mut self, direction: Direction) -> bool {
        let due = self.armed.is_some_and(|cut| cut.direction == direction && cut.after == 0);
        if due {
            self.armed = None;
            self.cuts += 1;
            self.cut();
        }
        due
    }
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, target: u16, state: &Arc<Mutex<State>>) {
    while !locked(state).ending {
        match listener.accept() {
            // A connection that cannot be carried is closed by being dropped: to the hub it is a refusal.
            Ok((hub, _)) => drop(carry(hub, target, state)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => thread::sleep(LOOK_EVERY),
            Err(_) => return,
        }
    }
}

fn carry(hub: TcpStream, target: u16, state: &Arc<Mutex<State>>) -> std::io::Result<()> {
    if locked(state).refuses {
        locked(state).refused += 1;
        return Ok(());
    }
    hub.set_nonblocking(false)?;
    let cloud = TcpStream::connect((Ipv4Addr::LOCALHOST, target))?;
    for stream in [&hub, &cloud] {
        stream.set_nodelay(true)?;
    }
    let ways = [
        (Direction::Up, hub.try_clone()?, cloud.try_clone()?),
        (Direction::Down, cloud.try_clone()?, hub.try_clone()?),
    ];
    locked(state).open.push((hub, cloud));
    for (direction, from, to) in ways {
        let state = Arc::clone(state);
        thread::spawn(move || pump(direction, from, to, &state));
    }
    Ok(())
}

fn pump(direction: Direction, mut from: TcpStream, mut to: TcpStream, state: &Mutex<State>) {
    let mut chunk = vec![0; CHUNK];
    while let Ok(read @ 1..) = from.read(&mut chunk) {
        let passing = locked(state).admit(direction, read);
        if to.write_all(&chunk[..passing]).is_err() {
            break;
        }
        let mut state = locked(state);
        state.carried[direction as usize] += passing as u64;
        if state.cut_if_due(direction) || passing < read {
            break;
        }
    }
    // What one side has ended is ended for the other too; HTTP needs no half-open connection.
    let _ = from.shutdown(Shutdown::Both);
    let _ = to.shutdown(Shutdown::Both);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wait_for;

    const SOON: Duration = Duration::from_secs(5);

    /// Says back whatever it hears.
    fn echo() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                thread::spawn(move || {
                    let mut to = stream.try_clone().unwrap();
                    std::io::copy(&mut &stream, &mut to)
                });
            }
        });
        port
    }

    fn connect(proxy: &Proxy) -> TcpStream {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, proxy.port())).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        stream
    }

    fn heard(stream: &mut TcpStream) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut chunk = [0; 64];
        // A cut may come as an end or as a reset.
        while let Ok(read @ 1..) = stream.read(&mut chunk) {
            bytes.extend_from_slice(&chunk[..read]);
        }
        bytes
    }

    #[test]
    fn a_cut_lets_exactly_so_many_bytes_pass_and_the_next_connection_all() {
        let proxy = Proxy::start(echo()).unwrap();
        for direction in [Direction::Up, Direction::Down] {
            proxy.cut_after(Cut { direction, after: 7 });
            let mut stream = connect(&proxy);
            stream.write_all(b"0123456789").unwrap();
            // Cut on its way up, what was carried may not have come back.
            let said = heard(&mut stream);
            assert!(b"0123456".starts_with(&said), "{said:?}");
            assert!(direction == Direction::Up || said.len() == 7, "{said:?}");
        }
        assert_eq!(proxy.cuts(), 2);
        let mut stream = connect(&proxy);
        stream.write_all(b"0123456789").unwrap();
        let mut all = [0; 10];
        stream.read_exact(&mut all).unwrap();
        assert_eq!(&all, b"0123456789");
    }

    #[test]
    fn a_refusing_proxy_cuts_what_is_open_and_carries_again_once_mended() {
        let proxy = Proxy::start(echo()).unwrap();
        let mut open = connect(&proxy);
        open.write_all(b"a").unwrap();
        let mut one = [0; 1];
        open.read_exact(&mut one).unwrap();
        proxy.refuse();
        assert_eq!(heard(&mut open), b"");
        assert_eq!(heard(&mut connect(&proxy)), b"");
        wait_for("the refusal is counted", SOON, || (proxy.refused() == 1).then_some(())).unwrap();
        proxy.mend();
        let mut again = connect(&proxy);
        again.write_all(b"b").unwrap();
        again.read_exact(&mut one).unwrap();
        assert_eq!(&one, b"b");
    }
}
