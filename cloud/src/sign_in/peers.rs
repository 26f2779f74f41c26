//! Peers: how often one address may try to sign in, whatever mails it tries. Pure.
//!
//! A coarse bound, kept in memory by each process: what counts exactly is counted for each mail, in the database. Of
//! IPv6 a whole /64 is one peer, for whoever has one address there has all of them. The table is bounded: when it is
//! full, the peer that was seen least lately is forgotten.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

/// Tries of a peer within the window.
pub const TRIES: u32 = 60;
/// The window.
const WINDOW: Duration = Duration::from_secs(300);
/// Peers that are remembered at once.
const PEERS: usize = 4_096;

#[derive(Clone, Copy, Debug)]
struct Seen {
    since: Instant,
    tries: u32,
}

/// The peers that have tried lately.
#[derive(Debug, Default)]
pub struct Peers(HashMap<IpAddr, Seen>);

/// A try that is not taken: come back after so long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TooMany(pub Duration);

fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
    }
}

impl Peers {
    /// Counts a try of an address.
    ///
    /// # Errors
    /// It has tried too often within the window.
    pub fn take(&mut self, address: IpAddr, now: Instant) -> Result<(), TooMany> {
        let peer = peer(address);
        if self.0.len() >= PEERS && !self.0.contains_key(&peer) {
            self.0.retain(|_, seen| now.duration_since(seen.since) < WINDOW);
            let oldest = self.0.iter().min_by_key(|(_, seen)| seen.since).map(|(peer, _)| *peer);
            if let Some(oldest) = oldest.filter(|_| self.0.len() >= PEERS) {
                self.0.remove(&oldest);
            }
        }
        let seen = self.0.entry(peer).or_insert(Seen { since: now, tries: 0 });
        if now.duration_since(seen.since) >= WINDOW {
            *seen = Seen { since: now, tries: 0 };
        }
        if seen.tries >= TRIES {
            return Err(TooMany(WINDOW.saturating_sub(now.duration_since(seen.since))));
        }
        seen.tries += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_peer_has_its_tries_and_no_more_until_the_window_has_passed() {
        let (mut peers, start) = (Peers::default(), clock::instant());
        for n in 0..TRIES {
            assert_eq!(peers.take(address("192.0.2.1"), start + Duration::from_secs(u64::from(n))), Ok(()));
        }
        let late = start + WINDOW - Duration::from_secs(1);
        assert_eq!(peers.take(address("192.0.2.1"), late), Err(TooMany(Duration::from_secs(1))));
        assert_eq!(peers.take(address("192.0.2.2"), late), Ok(()), "another has its own");
        assert_eq!(peers.take(address("192.0.2.1"), start + WINDOW), Ok(()));
    }

    #[test]
    fn a_network_of_ipv6_is_one_peer_and_a_mapped_address_is_the_one_that_it_maps() {
        assert_eq!(peer(address("2001:db8::1")), peer(address("2001:db8::ffff:1:2:3")));
        assert_ne!(peer(address("2001:db8::1")), peer(address("2001:db8:0:1::1")));
        assert_eq!(peer(address("::ffff:192.0.2.1")), address("192.0.2.1"));
    }

    #[test]
    fn the_table_never_grows_beyond_its_bound() {
        let (mut peers, start) = (Peers::default(), clock::instant());
        for n in 0..PEERS as u32 + 100 {
            let at = start + Duration::from_millis(u64::from(n));
            assert_eq!(peers.take(IpAddr::V4(n.into()), at), Ok(()));
        }
        assert_eq!(peers.0.len(), PEERS);
        assert!(!peers.0.contains_key(&IpAddr::V4(0.into())), "the oldest has gone");
    }
}
