//! Presence from outside: Kamailio as a registrar that notifies of registrations, and as another community.

use crate::peer::{Peer, program};
use crate::{edge, ports};
use nix::sys::signal::Signal;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;
use tempfile::TempDir;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// A registrar of `example.com` with the event package reg.
    Registrar,
    /// A presence server of `partner.example`.
    Community,
}

/// A Kamailio that is not ours. It keeps everything in memory.
pub(crate) struct Foreign {
    address: SocketAddr,
    folder: TempDir,
    peer: Option<Peer>,
}

/// The user and the password that subscribers have to know.
pub(crate) const USER: &str = "presence";
pub(crate) const PASSWORD: &str = "a secret of two";

impl Foreign {
    /// Starts one; who subscribes is asked for [`USER`] and [`PASSWORD`].
    pub(crate) fn start(role: Role) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports::free_pair()));
        let text = match role {
            Role::Registrar => include_str!("foreign/registrar.cfg"),
            Role::Community => include_str!("foreign/community.cfg"),
        };
        std::fs::write(folder.path().join("kamailio.cfg"), text).unwrap();
        let tables = folder.path().join("tables");
        copy_folder(std::path::Path::new("/usr/share/kamailio/dbtext/kamailio"), &tables);
        let site = format!(
            "debug=1\nlog_stderror=yes\nfork=yes\nchildren=2\ntcp_children=1\ndns=no\nrev_dns=no\n\
             auto_aliases=no\nlisten=udp:{address}\nalias=\"example.com\"\nalias=\"partner.example\"\n\
             #!substdef \"!SERVER!\\\"sip:{address};transport=udp\\\"!g\"\n\
             #!substdef \"!DATABASE!\\\"text://{}\\\"!g\"\n\
             #!substdef \"!PASSWORD!\\\"{PASSWORD}\\\"!g\"\n",
            tables.display()
        );
        std::fs::write(folder.path().join("site.cfg"), site).unwrap();
        let mut foreign = Self { address, folder, peer: None };
        foreign.restart();
        foreign
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it: it forgets all registrations, publications and subscriptions.
    pub(crate) fn kill(&mut self) {
        self.peer = None;
    }

    /// Starts it again at the same address.
    pub(crate) fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(program("kamailio"));
        command.arg("-f").arg(self.folder.path().join("kamailio.cfg"));
        command.arg("-Y").arg(self.folder.path()).arg("-w").arg(self.folder.path());
        command.args(["-DD", "-E", "-m", "32", "-M", "8"]);
        let mut peer = Peer::start("kamailio", &mut command);
        let address = self.address;
        peer.wait("an answer to OPTIONS", || edge::options(address).is_some());
        self.peer = Some(peer);
    }

    /// It does nothing any more, as if a cable were pulled, and remembers everything.
    pub(crate) fn freeze(&self) {
        self.signal(Signal::SIGSTOP);
    }

    /// It goes on after [`Self::freeze`].
    pub(crate) fn thaw(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        self.peer.as_ref().expect("a running Kamailio").signal(signal);
    }
}

fn copy_folder(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).expect("Kamailio's tables (run `make peers`)") {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}
