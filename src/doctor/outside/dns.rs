//! One question to one resolver. The system's own is not asked, because it may
//! know names that the world does not.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, Question, RCODE, TYPE};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

const PORT: u16 = 53;
const PATIENCE: Duration = Duration::from_secs(3);
const TRIES: usize = 2;
/// RFC 1035, section 4.2.1, allows 512; nobody sends more than a network lets through.
const DATAGRAM: usize = 4096;

/// A resolver, by its address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolver(pub SocketAddr);

impl FromStr for Resolver {
    type Err = String;

    /// Reads `ADDRESS`, `ADDRESS:PORT` or `[IPV6]:PORT`.
    fn from_str(text: &str) -> Result<Self, String> {
        let alone = text.parse::<IpAddr>().map(|address| (address, PORT).into());
        let place = alone.or_else(|_| text.parse::<SocketAddr>());
        place
            .map(Self)
            .map_err(|_| "a resolver is an IP address, with `:PORT` or without".to_owned())
    }
}

impl std::fmt::Display for Resolver {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.port() {
            PORT => self.0.ip().fmt(formatter),
            _ => self.0.fmt(formatter),
        }
    }
}

/// Asks for a name's addresses; a name that does not exist has none.
///
/// # Errors
///
/// Says why there was no answer.
pub async fn addresses(resolver: Resolver, name: &str) -> Result<BTreeSet<IpAddr>, String> {
    let mut found = BTreeSet::new();
    for kind in [TYPE::A, TYPE::AAAA] {
        found.extend(ask(resolver, name, kind).await?);
    }
    Ok(found)
}

async fn ask(resolver: Resolver, name: &str, kind: TYPE) -> Result<BTreeSet<IpAddr>, String> {
    let id = fastrand::u16(..);
    let query = query(id, name, kind)?;
    let mut problem = "no answer".to_owned();
    for _ in 0..TRIES {
        match timeout(PATIENCE, by_datagram(resolver.0, &query, id)).await {
            Ok(Ok(answer)) => {
                let Some(found) = read(&answer)? else {
                    // It did not fit: the same once more, as a stream.
                    let stream = timeout(PATIENCE, by_stream(resolver.0, &query)).await;
                    let answer = stream.map_err(|_| "no answer by TCP".to_owned())?;
                    let answer = answer.map_err(|error| error.to_string())?;
                    return Ok(read(&answer)?.unwrap_or_default());
                };
                return Ok(found);
            }
            Ok(Err(error)) => problem = error.to_string(),
            Err(_) => {}
        }
    }
    Err(problem)
}

fn query(id: u16, name: &str, kind: TYPE) -> Result<Vec<u8>, String> {
    let name = Name::new(name).map_err(|error| error.to_string())?;
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let question = Question::new(name, kind.into(), CLASS::IN.into(), false);
    packet.questions.push(question);
    packet.build_bytes_vec().map_err(|error| error.to_string())
}

async fn by_datagram(resolver: SocketAddr, query: &[u8], id: u16) -> std::io::Result<Vec<u8>> {
    let any: SocketAddr = match resolver {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any).await?;
    // From then on, only what the resolver sends is taken in.
    socket.connect(resolver).await?;
    socket.send(query).await?;
    loop {
        let mut answer = vec![0; DATAGRAM];
        let length = socket.recv(&mut answer).await?;
        answer.truncate(length);
        // The answer to a question of before may come late.
        if answer.get(..2) == Some(&id.to_be_bytes()[..]) {
            return Ok(answer);
        }
    }
}

/// RFC 1035, section 4.2.2: the length comes first, in two bytes.
async fn by_stream(resolver: SocketAddr, query: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(resolver).await?;
    let length = u16::try_from(query.len()).unwrap_or(u16::MAX);
    stream.write_all(&length.to_be_bytes()).await?;
    stream.write_all(query).await?;
    let mut answer = vec![0; usize::from(stream.read_u16().await?)];
    stream.read_exact(&mut answer).await?;
    Ok(answer)
}

/// Gives the addresses of an answer; none if it was cut off.
fn read(answer: &[u8]) -> Result<Option<BTreeSet<IpAddr>>, String> {
    let packet = Packet::parse(answer).map_err(|error| format!("a damaged answer: {error}"))?;
    if packet.has_flags(PacketFlag::TRUNCATION) {
        return Ok(None);
    }
    match packet.rcode() {
        RCODE::NoError => {}
        RCODE::NameError => return Ok(Some(BTreeSet::new())),
        // The name servers that the registrar names do not answer for the name (yet).
        RCODE::ServerFailure => return Err("its name servers do not answer".to_owned()),
        other => return Err(format!("it refuses to answer ({other:?})")),
    }
    // A resolver follows aliases itself, and gives the whole way.
    let addresses = packet
        .answers
        .iter()
        .filter_map(|record| match &record.rdata {
            RData::A(record) => Some(IpAddr::V4(record.address.into())),
            RData::AAAA(record) => Some(IpAddr::V6(record.address.into())),
            _ => None,
        });
    Ok(Some(addresses.collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolvers_are_read() {
        for (text, shown) in [
            ("1.1.1.1", "1.1.1.1"),
            ("127.0.0.1:5353", "127.0.0.1:5353"),
            ("2620:fe::fe", "2620:fe::fe"),
            ("[::1]:53", "::1"),
        ] {
            assert_eq!(text.parse::<Resolver>().unwrap().to_string(), shown);
        }
        assert!("dns.example".parse::<Resolver>().is_err());
    }

    #[test]
    fn what_is_no_answer_is_an_error() {
        assert!(read(b"").is_err());
        assert!(read(&[0xff; 40]).is_err());
        let mut answer = Packet::new_reply(1);
        assert_eq!(
            read(&answer.build_bytes_vec().unwrap()),
            Ok(Some(BTreeSet::new()))
        );
        *answer.rcode_mut() = RCODE::ServerFailure;
        assert!(read(&answer.build_bytes_vec().unwrap()).is_err());
        answer.set_flags(PacketFlag::TRUNCATION);
        assert_eq!(read(&answer.build_bytes_vec().unwrap()), Ok(None));
    }
}
