//! A stand-in for OpenCode's server that is never the bottleneck: what it streams is rendered before it
//! is sent. It exists for benchmarks only; what OpenCode means is tested on OpenCode.
//!
//! `replay-server [--opencode 1|2]` speaks as 1.18.33 or as 2.0.15.

mod api;
mod bus;
mod connection;
mod dialect;
mod feed;
mod http;
mod pace;
mod wire;

use std::sync::Arc;

use api::Generation;
use dialect::{Dialect, First, Second};
use tokio::net::TcpListener;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let (generation, dialect) = chosen(std::env::args().skip(1));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let bus = bus::Bus::new(dialect);
    // Whoever started us holds our standard input; when it is gone, so are we.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(connection::serve(socket, bus.clone(), generation));
    }
}

fn chosen(arguments: impl Iterator<Item = String>) -> (Generation, Arc<dyn Dialect>) {
    let arguments: Vec<String> = arguments.collect();
    match arguments.join(" ").as_str() {
        "" | "--opencode 1" => (Generation::First, Arc::new(First)),
        "--opencode 2" => (Generation::Second, Arc::new(Second)),
        other => {
            eprintln!("replay-server: cannot take '{other}'; use --opencode 1 or --opencode 2");
            std::process::exit(2);
        }
    }
}
