//! A stand-in for OpenCode's server that is never the bottleneck: what it streams is rendered before it
//! is sent. It exists for benchmarks only; what OpenCode means is tested on OpenCode.

mod bus;
mod connection;
mod feed;
mod pace;
mod records;

use tokio::net::TcpListener;

#[tokio::main(flavor = "multi_thread", worker_threads = 1)]
async fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http://{}", listener.local_addr()?);
    let bus = bus::Bus::default();
    // Whoever started us holds our standard input; when it is gone, so are we.
    std::thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    loop {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        tokio::spawn(connection::serve(socket, bus.clone()));
    }
}
