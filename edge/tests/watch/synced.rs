//! A world whose hub syncs with the cloud's double: real HTTP, real journal, the watch driven by the test.

use crate::cloud::Cloud;
use crate::world::World;
use frostguard_edge::clock::Clock;
use frostguard_edge::config::CloudConfig;
use frostguard_edge::enrolment::Enrolment;
use frostguard_edge::identity::Identity;
use frostguard_edge::site::Site;
use frostguard_edge::store::journal::Heads;
use frostguard_edge::sync::batch::Sender;
use frostguard_edge::sync::plan::Held;
use frostguard_edge::sync::shown::{CloudState, CloudView};
use frostguard_edge::sync::{self, Order, Shared};
use frostguard_edge::watch::View;
use frostguard_shared::ids::SiteId;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::site;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

/// Nothing here takes longer, however busy the machine is.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Synced {
    pub world: World,
    pub clock: Clock,
    pub shown: watch::Receiver<CloudView>,
    orders: Receiver<Order>,
    heads: watch::Sender<Heads>,
    views: watch::Sender<Arc<View>>,
    runtime: Option<Runtime>,
}

/// The hub of a world as it sends: who it is, and its site message.
pub fn sender(world: &World) -> (Sender, site::Site) {
    let mut identity = Identity::open(world.folder.path(), world.clock).unwrap();
    let site = Site::load(&world.folder.path().join("site.toml"), &mut identity, world.clock).unwrap();
    (Sender { hub: identity.hub(), key: identity.key() }, site.message(identity.site()).unwrap())
}

/// Makes the world's hub one of the cloud's, without a claim code.
pub fn enrol(world: &World, cloud: &Cloud) {
    let (sender, _) = sender(world);
    cloud.know(sender.hub, sender.key.public());
    let enrolment = Enrolment {
        version: 1,
        hub: sender.hub,
        url: cloud.url(),
        cloud: cloud.key.public(),
        site: SiteId::from_bytes([7; 16]),
        site_name: "Main street".into(),
        organization_name: "Shops".into(),
    };
    enrolment.save(world.folder.path()).unwrap();
}

impl Synced {
    /// A world whose hub is enrolled and begins to sync.
    pub fn with(world: World, cloud: &Cloud) -> Self {
        enrol(&world, cloud);
        Self::by(world, Clock::new(WallMs(0), true))
    }

    /// Sync begins, by this clock.
    pub fn by(world: World, clock: Clock) -> Self {
        let (sender, site) = sender(&world);
        let watch = world.watch.as_ref().unwrap();
        let (heads, durable) = watch::channel(watch.heads());
        let (views, viewed) = watch::channel(Arc::new(world.view()));
        let (show, shown) = watch::channel(CloudView::nothing());
        let (give, orders) = channel();
        let shared = Shared {
            config: CloudConfig::default(),
            state_dir: world.folder.path().to_owned(),
            sender,
            site: Arc::new(site),
            clock: clock.clone(),
            heads: durable,
            held: Held::default(),
            views: viewed,
            shown: show,
            give: Arc::new(move |order| drop(give.send(order))),
        };
        let runtime = Runtime::new().unwrap();
        runtime.spawn(sync::run(shared));
        Self { world, clock, shown, orders, heads, views, runtime: Some(runtime) }
    }

    /// Does what sync has asked of the watch, and shows it what is durable, as the hub does between two inputs.
    pub fn pump(&mut self) {
        while let Ok(order) = self.orders.try_recv() {
            let now = self.world.clock;
            match order {
                Order::Note(held) => self.world.watch().note_held(held),
                Order::Enrolled(cloud, site) => {
                    self.world.watch().note_enrolled(cloud, site, now).unwrap();
                }
                Order::ClockSet(answer) => {
                    let (sample, voucher) = self.clock.sample_vouched();
                    self.world.clock = sample;
                    self.world.watch().vouched_by(voucher);
                    self.world.tick();
                    answer.send(()).unwrap();
                }
                Order::BeginAnew(why, answer) => {
                    let begun = self.world.watch().begin_anew(why, now).unwrap();
                    let heads = self.world.watch().heads();
                    assert!(answer.send(begun.map(|()| heads)).is_ok());
                }
                Order::Configure(decided, answer) => {
                    let done = self.world.watch().configure(*decided, now).unwrap();
                    assert!(answer.send(done).is_ok());
                }
                Order::Command(signed, answer) => {
                    let standing = self.world.watch().command(&signed, now).unwrap();
                    assert!(answer.send(standing).is_ok());
                }
            }
        }
        let heads = self.world.watch().heads();
        self.heads.send_if_modified(|present| std::mem::replace(present, heads) != heads);
        self.views.send_replace(Arc::new(self.world.view()));
    }

    /// Goes on until something holds.
    #[track_caller]
    pub fn until(&mut self, what: &str, mut holds: impl FnMut(&mut Self) -> bool) {
        let began = Instant::now();
        loop {
            self.pump();
            if holds(self) {
                return;
            }
            let shown = self.shown.borrow().clone();
            assert!(began.elapsed() < LIMIT, "not within {LIMIT:?}: {what}; {shown:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Goes on until the cloud holds everything that is durable.
    #[track_caller]
    pub fn until_live(&mut self) {
        self.until("everything is sent", |synced| {
            let heads = synced.world.watch.as_ref().unwrap().heads();
            let shown = synced.shown.borrow();
            shown.state == CloudState::Live
                && (shown.events.acknowledged, shown.readings.acknowledged) == (heads.events, heads.readings)
        });
    }

    /// Sync ends, and the world goes on alone.
    pub fn cut(mut self) -> World {
        self.runtime.take().unwrap().shutdown_background();
        std::mem::replace(&mut self.world, World::new())
    }
}

/// What the journal's file holds of both streams, by the rows themselves.
pub fn recorded(world: &World) -> (Vec<(u64, Vec<u8>)>, Vec<u64>) {
    let sql = world.sql();
    let mut events = sql.prepare("SELECT seq, bytes FROM events ORDER BY seq").unwrap();
    let events = events.query_map([], |row| Ok((row.get::<_, i64>(0)? as u64, row.get(1)?))).unwrap();
    let mut readings = sql.prepare("SELECT seq FROM readings ORDER BY seq").unwrap();
    let readings = readings.query_map([], |row| row.get::<_, i64>(0)).unwrap();
    (events.map(Result::unwrap).collect(), readings.map(|seq| seq.unwrap() as u64).collect())
}

/// The cloud holds exactly what the file holds, each record once and in order.
#[track_caller]
pub fn agree(world: &World, cloud: &Cloud) {
    let (events, readings) = recorded(world);
    let epoch = world.watch.as_ref().unwrap().heads().epoch;
    cloud.look(|memory| {
        let held = &memory.epochs[&epoch];
        let known: Vec<(u64, Vec<u8>)> =
            (1..).zip(&held.events).map(|(seq, (_, bytes))| (seq, bytes.clone())).collect();
        assert_eq!(known, events);
        assert_eq!(held.readings.keys().copied().collect::<Vec<_>>(), readings);
    });
}
