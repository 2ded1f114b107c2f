//! Servers as a distribution has them, in a Debian root that stays as it is: each runs as the user that its package made for
//! it, is spoken to from outside or from a second container, and ends by its own clean way when aril is told to stop.

use crate::support::{
    Etc, FIRST, Folder, PATIENCE, RANGE, Run, Running, Who, eventually, process, rootfs, tool, traces,
};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::sync::OnceLock;

crate::tests! {
    both: redis_saves_what_it_was_told, nginx_serves_a_request_to_its_end, postgres_answers_until_it_is_shut_down;
}

/// The root file system with the servers, and how this caller runs containers of it.
struct Image<'a> {
    who: &'a Who,
    root: String,
    /// Where the caller has ranges of ids; root needs none.
    etc: Option<Etc>,
    /// Its files, and the machine's mounts.
    before: [BTreeSet<String>; 2],
}

impl<'a> Image<'a> {
    fn new(who: &'a Who) -> Self {
        if std::env::var_os("ARIL_LONG").is_none() {
            who.skip("its root file system takes minutes to make: tests/run --long");
        }
        let whole = rootfs("servers").display().to_string();
        if !rootfs("servers").is_dir() {
            who.skip("no target/rootfs/servers: as root and with a mirror in reach, tests/run --long makes it");
        }
        // The pipes of a shell of his own would be his own.
        let pipes = format!("chown {} /proc/self/fd/[012]", who.uid());
        let etc = (!who.is_root()).then(|| Etc::new(who, RANGE, RANGE).and(&pipes));
        let root = etc.as_ref().map_or_else(|| whole.clone(), |etc| unpacked(who, etc, &whole));
        let before = [traces::tree(Path::new(&root)), traces::mounts()];
        Self { who, root, etc, before }
    }

    /// `aril run OPTIONS ROOT COMMAND`; what is written to the root is not kept.
    fn run(&self, options: &[&str], command: &[&str]) -> Run {
        let run = self.who.run_in(&self.root, &[&["--overlay"], options].concat(), command);
        match &self.etc {
            Some(etc) => etc.around(self.who.uid(), run),
            None => run,
        }
    }

    /// An empty folder that is this user's of the image, and the value of `-v` for it.
    fn volume(&self, user: &str, target: &str) -> (Folder, String) {
        let folder = self.who.folder();
        let volume = self.who.volume(folder.str(), target);
        self.run(&["-v", &volume], &["chown", &format!("{user}:"), target]).run().prints("");
        (folder, volume)
    }

    /// The one process that the container was started for.
    fn server(&self, running: &Running) -> u32 {
        let found = process::children(running.init());
        assert_eq!(found.len(), 1, "the init has no child but the server");
        found[0]
    }

    /// The process is this user of the image, and its ids outside are of the caller's range.
    #[track_caller]
    fn runs_as(&self, pid: u32, user: &str) {
        let read = |path: String| fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let users = read(format!("{}/etc/passwd", self.root));
        let user = users.lines().find(|line| line.starts_with(&format!("{user}:"))).expect("its package made it");
        let map = read(format!("/proc/{pid}/uid_map"));
        for (name, field) in [("Uid", 2), ("Gid", 3)] {
            let id: u32 = user.split(':').nth(field).and_then(|id| id.parse().ok()).expect("a number, by passwd(5)");
            let outside = match id {
                _ if self.who.is_root() => {
                    let first = map.split_whitespace().nth(1).and_then(|first| first.parse().ok());
                    first.filter(|first: &u32| *first >= 0x7000_0000).expect("a range that is nobody's") + id
                }
                0 => self.who.uid(),
                _ => FIRST + id - 1,
            };
            let line = format!("\n{name}:\t{outside}\t{outside}\t{outside}\t{outside}\n");
            // A worker begins as its master.
            let is_so = || fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| status.contains(&line));
            eventually(&format!("{user} is {outside} outside"), is_so);
        }
    }

    /// Nothing is left of the containers that had this volume, and the image is as it was.
    #[track_caller]
    fn is_left_alone(&self, volumes: &[&Folder]) {
        for volume in volumes {
            let name = volume.str();
            eventually(&format!("the end of all that has {name}"), || process::of_folder(name).is_empty());
        }
        let [files, mounts] = &self.before;
        eventually("the mounts are as they were", || traces::mounts() == *mounts);
        let now = traces::tree(Path::new(&self.root));
        let changed: Vec<_> = now.symmetric_difference(files).collect();
        assert!(changed.is_empty(), "the image has changed: {changed:#?}");
    }
}

/// The image as the caller's own, each file in the user's range, unpacked as an ordinary user can do it: inside. Root's tests
/// share theirs too, so it is made once; it goes with the folder of all tests.
fn unpacked(who: &Who, etc: &Etc, whole: &str) -> String {
    static COPY: OnceLock<Folder> = OnceLock::new();
    let copy = COPY.get_or_init(|| {
        let folder = who.folder();
        let volume = who.volume(folder.str(), "/mnt");
        // Nobody but root makes device nodes.
        let pack = who.program("tar", &["-C", whole, "--exclude=./dev/*", "-cf", "-", "."]).uid(0);
        let mut pack = pack.command().stdout(Stdio::piped()).spawn().expect("tar is there");
        let words = ["tar", "-xpf", "-", "--numeric-owner", "-C", "/mnt"];
        let unpack = etc.around(who.uid(), who.run_in(&who.rootfs(), &["-v", &volume], &words));
        let unpacked = unpack.command().stdin(pack.stdout.take().expect("piped")).output().expect("unshare is there");
        assert!(unpacked.status.success() && pack.wait().is_ok_and(|status| status.success()), "{unpacked:?}");
        folder
    });
    copy.str().to_string()
}

/// Sends this, and gets just that.
#[track_caller]
fn answers(mut server: impl Read + Write, question: &str, expected: &str) {
    server.write_all(question.as_bytes()).expect("it listens");
    let mut answer = vec![0; expected.len()];
    server.read_exact(&mut answer).unwrap_or_else(|error| panic!("{question:?}: {error}"));
    assert_eq!(String::from_utf8_lossy(&answer), expected, "{question:?}");
}

/// Its log is opened by name, as /dev/stdout, by a user who is not root.
fn redis_saves_what_it_was_told(who: &Who) {
    let image = Image::new(who);
    let (data, data_volume) = image.volume("redis", "/var/lib/redis");
    let (run, run_volume) = image.volume("redis", "/run/redis");
    let options = ["--user", "redis", "-v", &data_volume, "-v", &run_volume];
    let command = ["redis-server", "/etc/redis/redis.conf", "--daemonize", "no", "--logfile", "/dev/stdout"];
    let socket = ["--port", "0", "--unixsocket", "/run/redis/socket"];
    let talks =
        ["PING\r\n|+PONG\r\n|SET answer 42\r\n|+OK\r\n|GET answer\r\n|$2\r\n42\r\n", "GET answer\r\n|$2\r\n42\r\n"];
    for talk in talks {
        let running = image.run(&options, &[&command[..], &socket].concat()).start();
        running.expect("ready to accept connections at /run/redis/socket");
        image.runs_as(image.server(&running), "redis");
        let server = UnixStream::connect(run.join("socket")).expect("it listens");
        server.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        let words: Vec<&str> = talk.split('|').collect();
        words.chunks(2).for_each(|pair| answers(&server, pair[0], pair[1]));
        running.signal(Signal::TERM);
        let outcome = running.finish();
        outcome.mentions("Received SIGTERM scheduling shutdown").mentions("DB saved on disk").mentions("bye bye");
        let left = fs::read_dir(run.path()).expect("our own folder").count();
        outcome.check(left == 0, "its socket and its pid file are gone");
    }
    image.is_left_alone(&[&data, &run]);
}

/// Debian's configuration but for the port, which is one that needs no rights.
fn nginx_serves_a_request_to_its_end(who: &Who) {
    // More than the socket's two ends can hold, so that the answer waits for who reads it.
    const SIZE: u64 = 64 << 20;
    let image = Image::new(who);
    let (sites, pages) = (who.folder(), who.folder());
    let unused = TcpListener::bind("127.0.0.1:0").and_then(|unused| unused.local_addr()).expect("a port is free");
    let site = format!("server {{ listen {unused}; root /var/www/html; access_log /dev/stdout; }}\n");
    fs::write(sites.join("site"), site).expect("our own folder");
    fs::write(pages.join("page"), "hello\n").expect("our own folder");
    tool("truncate", &["-s", &SIZE.to_string(), &pages.join("large").display().to_string()]);
    let sites_volume = format!("{}:/etc/nginx/sites-enabled:ro", sites.str());
    let pages_volume = format!("{}:/var/www/html:ro", pages.str());
    let options = ["--stop-signal", "QUIT", "-v", &sites_volume, "-v", &pages_volume];
    let command = ["nginx", "-g", "daemon off; error_log /dev/stderr notice;"];
    let running = image.run(&options, &command).start();
    running.expect_error("start worker process ");

    let connect = || {
        let client = TcpStream::connect(unused).expect("it listens");
        client.set_read_timeout(Some(PATIENCE)).expect("it is not zero");
        client
    };
    let mut page = String::new();
    let mut client = connect();
    client.write_all(b"GET /page HTTP/1.0\r\n\r\n").expect("it listens");
    client.read_to_string(&mut page).expect("it answers");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("\r\n\r\nhello\n"), "{page}");
    running.expect("\"GET /page HTTP/1.0\" 200");

    let master = image.server(&running);
    image.runs_as(master, "root");
    let workers = process::children(master);
    assert!(!workers.is_empty());
    workers.into_iter().for_each(|worker| image.runs_as(worker, "www-data"));

    let mut client = connect();
    answers(&client, "GET /large HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\n");
    running.signal(Signal::TERM);
    running.expect_error("gracefully shutting down");
    eventually("the end of its port", || TcpStream::connect(unused).is_err());
    let mut rest = Vec::new();
    client.read_to_end(&mut rest).expect("the answer goes on");
    let head = rest.windows(4).position(|end| end == b"\r\n\r\n").expect("a head") + 4;
    assert_eq!((rest.len() - head) as u64, SIZE, "the whole answer");
    let outcome = running.finish();
    outcome.exited(0);
    let said = outcome.err();
    outcome.check(said.contains("signal 3 (SIGQUIT) received from 1, shutting down"), "aril's init has told it");
    outcome.check(said.contains(" exited with code 0\n"), "its workers have ended by themselves");
    outcome.check(said.trim_end().ends_with(" exit"), "and then it");
    image.is_left_alone(&[&sites, &pages]);
}

/// Cluster, server and client are containers of their own, with two volumes in common.
fn postgres_answers_until_it_is_shut_down(who: &Who) {
    let image = Image::new(who);
    let (data, data_volume) = image.volume("postgres", "/var/lib/postgresql");
    let (run, run_volume) = image.volume("postgres", "/run/postgresql");
    let options = ["--user", "postgres", "-v", &data_volume, "-v", &run_volume];
    let script = "exec /usr/lib/postgresql/*/bin/\"$0\" -D /var/lib/postgresql/main \"$@\"";
    let made = image.run(&options, &["sh", "-c", script, "initdb", "--auth", "trust"]).run();
    made.mentions("Success. You can now start the database server");
    let client = || {
        let mut client = image.run(&options, &["psql", "--no-psqlrc", "--tuples-only", "--no-align"]).start();
        client.send("SELECT 6*7, current_user;");
        client.expect("42|postgres\n");
        client
    };
    // One that was not shut down would be recovered instead.
    let starts = ["database system was shut down at", "database system is ready to accept connections"];
    for (statement, answer) in [
        ("CREATE TABLE kept AS SELECT n FROM generate_series(1, 1000) n;", "SELECT 1000\n"),
        ("SELECT sum(n) FROM kept;", "500500\n"),
    ] {
        // What a client has open ends with a fast shutdown only, which is SIGINT; SIGTERM would wait for it.
        let server = [&options[..], &["--stop-signal", "INT"]].concat();
        let running = image.run(&server, &["sh", "-c", script, "postgres", "-c", "listen_addresses="]).start();
        starts.iter().for_each(|line| running.expect_error(line));
        image.runs_as(image.server(&running), "postgres");
        let mut client = client();
        client.send(statement);
        client.expect(answer);
        running.signal(Signal::TERM);
        let outcome = running.finish();
        outcome.exited(0);
        for line in ["received fast shutdown request", "database system is shut down"] {
            outcome.check(outcome.err().contains(line), format_args!("it says {line:?}"));
        }
        outcome.check(!run.join(".s.PGSQL.5432").exists(), "its socket is gone");
        client.send("SELECT 1;");
        let outcome = client.finish();
        outcome.exited(2).check(outcome.err().contains("terminating connection"), "the client was told");
    }
    image.is_left_alone(&[&data, &run]);
}
