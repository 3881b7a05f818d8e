//! By the system's table of listeners, which names processes, and by their users.

use std::mem::offset_of;

use windows_sys::Win32::NetworkManagement::IpHelper::{
    GetExtendedTcpTable, MIB_TCP6ROW_OWNER_PID, MIB_TCPROW_OWNER_PID, TCP_TABLE_OWNER_PID_LISTENER,
};
use windows_sys::Win32::Networking::WinSock::{AF_INET, AF_INET6};

use super::Owner;
use crate::transport::windows_user::{User, user_of, user_of_us};

/// `None`: it cannot be told.
pub fn owner(port: u16) -> Option<Owner> {
    let ours = user_of_us().ok()?;
    let mut owners = listeners_v4(port)?;
    // A system without IPv6 has no second table.
    owners.extend(listeners_v6(port).unwrap_or_default());
    let mut owner = Owner::Nobody;
    for pid in owners {
        match user_of(pid) {
            Ok(user) if user == ours => owner = Owner::Us,
            user => return Some(Owner::Another(name(user.ok(), pid))),
        }
    }
    Some(owner)
}

fn name(user: Option<User>, pid: u32) -> String {
    // Whose process may not be looked at is another's: one's own may.
    user.and_then(|user| user.name()).unwrap_or_else(|| format!("the one of process {pid}"))
}

/// The processes that take connections to `127.0.0.1:port` on IPv4.
fn listeners_v4(port: u16) -> Option<Vec<u32>> {
    const ROW: usize = size_of::<MIB_TCPROW_OWNER_PID>();
    let table = table(u32::from(AF_INET))?;
    let listens = |row: &[u8]| {
        let address = bytes::<4>(row, offset_of!(MIB_TCPROW_OWNER_PID, dwLocalAddr))?;
        let here = matches!(address, [127, 0, 0, 1] | [0, 0, 0, 0]);
        let is_port = port_at(row, offset_of!(MIB_TCPROW_OWNER_PID, dwLocalPort))? == port;
        if here && is_port { number(row, offset_of!(MIB_TCPROW_OWNER_PID, dwOwningPid)) } else { None }
    };
    Some(rows(&table, ROW).filter_map(listens).collect())
}

/// The same on IPv6: sockets of both kinds, bound to `::` or to the mapped address.
fn listeners_v6(port: u16) -> Option<Vec<u32>> {
    const ROW: usize = size_of::<MIB_TCP6ROW_OWNER_PID>();
    let table = table(u32::from(AF_INET6))?;
    let listens = |row: &[u8]| {
        let address = bytes::<16>(row, offset_of!(MIB_TCP6ROW_OWNER_PID, ucLocalAddr))?;
        let address = std::net::Ipv6Addr::from(address).to_canonical();
        let here = address.is_unspecified() || address == std::net::Ipv4Addr::LOCALHOST;
        let is_port = port_at(row, offset_of!(MIB_TCP6ROW_OWNER_PID, dwLocalPort))? == port;
        if here && is_port { number(row, offset_of!(MIB_TCP6ROW_OWNER_PID, dwOwningPid)) } else { None }
    };
    Some(rows(&table, ROW).filter_map(listens).collect())
}

/// The system's table: how many rows, then the rows.
#[allow(unsafe_code, reason = "Windows' own function")]
fn table(family: u32) -> Option<Vec<u8>> {
    const NO_ERROR: u32 = 0;
    const TOO_SMALL: u32 = 122;
    let mut size = 16 * 1024_u32;
    // It may grow between two calls.
    for _ in 0..10 {
        let mut table = vec![0_u8; size as usize];
        // SAFETY: the table has as many bytes as `size` says, and both outlive the call.
        let answer = unsafe {
            let class = TCP_TABLE_OWNER_PID_LISTENER;
            GetExtendedTcpTable(table.as_mut_ptr().cast(), &raw mut size, 0, family, class, 0)
        };
        match answer {
            NO_ERROR => return Some(table),
            TOO_SMALL => size = size.max(table.len() as u32) + 4096,
            _ => return None,
        }
    }
    None
}

fn rows(table: &[u8], row: usize) -> impl Iterator<Item = &[u8]> {
    let count = number(table, 0).unwrap_or_default() as usize;
    table.get(size_of::<u32>()..).unwrap_or_default().chunks_exact(row).take(count)
}

fn bytes<const COUNT: usize>(row: &[u8], at: usize) -> Option<[u8; COUNT]> {
    row.get(at..at + COUNT)?.try_into().ok()
}

fn number(row: &[u8], at: usize) -> Option<u32> {
    bytes(row, at).map(u32::from_ne_bytes)
}

/// In the order of the network, in the first two of four bytes.
fn port_at(row: &[u8], at: usize) -> Option<u16> {
    bytes(row, at).map(u16::from_be_bytes)
}
