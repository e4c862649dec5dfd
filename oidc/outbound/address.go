package outbound

import "net/netip"

// unreachable is every network that is not the public Internet's, beyond those
// that [netip.Addr] knows by itself (IANA's special-purpose registries).
var unreachable = prefixes(
	"0.0.0.0/8",       // this network
	"100.64.0.0/10",   // carriers' shared space
	"192.0.0.0/24",    // protocol assignments
	"192.0.2.0/24",    // documentation
	"192.88.99.0/24",  // 6to4 relays
	"198.18.0.0/15",   // benchmarks
	"198.51.100.0/24", // documentation
	"203.0.113.0/24",  // documentation
	"240.0.0.0/4",     // reserved, and the broadcast address
	"64:ff9b::/96",    // NAT64: an IPv4 address within
	"64:ff9b:1::/48",  // NAT64 of one's own
	"100::/64",        // discarded
	"2001::/23",       // protocol assignments, Teredo among them
	"2001:db8::/32",   // documentation
	"2002::/16",       // 6to4: an IPv4 address within
	"3fff::/20",       // documentation
	"5f00::/16",       // segment routing
	"fec0::/10",       // site-local, as it once was
	"::ffff:0:0:0/96", // IPv4-translated
	"::/96",           // IPv4-compatible, as it once was
)

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// public reports whether an address belongs to the public Internet.
func public(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	if !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	for _, network := range unreachable {
		if network.Contains(a) {
			return false
		}
	}
	return true
}
