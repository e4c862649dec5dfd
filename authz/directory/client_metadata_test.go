package directory_test

import (
	"errors"
	"testing"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/directory"
	"github.com/gatehouse/gatehouse/storage"
)

// OpenID CIBA Core 1.0 §4: how a client learns the answer, and what goes with it.
func TestCreateClient_BackChannel(t *testing.T) {
	t.Parallel()
	v := newTown(t)
	const ping = "https://desk.example/ping"
	for name, test := range map[string]struct {
		kind  storage.ClientKind
		m     storage.ClientMetadata
		field string // "" for one that may be had
	}{
		"by poll":              {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "poll"}, ""},
		"by ping":              {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "ping", BackChannelNotificationURI: ping}, ""},
		"by ping to itself":    {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "ping", BackChannelNotificationURI: "http://127.0.0.1:9/ping"}, ""},
		"by push":              {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "push", BackChannelNotificationURI: ping}, "backchannel_token_delivery_mode"},
		"a public client":      {storage.ClientSPA, storage.ClientMetadata{BackChannelDelivery: "poll"}, "backchannel_token_delivery_mode"},
		"by ping to nowhere":   {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "ping"}, "backchannel_client_notification_endpoint"},
		"by ping in the clear": {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "ping", BackChannelNotificationURI: "http://desk.example/ping"}, "backchannel_client_notification_endpoint"},
		"by ping with a name":  {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "ping", BackChannelNotificationURI: "https://a:b@desk.example/"}, "backchannel_client_notification_endpoint"},
		"an address for polls": {storage.ClientService, storage.ClientMetadata{BackChannelDelivery: "poll", BackChannelNotificationURI: ping}, "backchannel_client_notification_endpoint"},
		"an address alone":     {storage.ClientService, storage.ClientMetadata{BackChannelNotificationURI: ping}, "backchannel_client_notification_endpoint"},
	} {
		n := directory.CreateClient{Name: name, Kind: test.kind, Metadata: test.m}
		if test.kind == storage.ClientSPA {
			n.RedirectURIs = []string{"https://desk.example/cb"}
		}
		c, _, err := v.CreateClient(t.Context(), host, n)
		var wrong *directory.InvalidError
		if test.field == "" && (err != nil || !c.Allows(storage.GrantCIBA) || !c.Allows(storage.GrantRefreshToken)) || test.field != "" && (!errors.As(err, &wrong) || wrong.Field != test.field) {
			t.Errorf("%s: %v, %v", name, c.GrantTypes, err)
		}
	}
}

// A type of authorization details belongs to one resource server, which keeps it when it
// is changed.
func TestDetailTypes_OfOneResource(t *testing.T) {
	t.Parallel()
	v, ctx := newTown(t), t.Context()
	payment := []storage.DetailType{{Name: "payment"}}
	add := func(identifier string, types []storage.DetailType) error {
		_, err := v.CreateResource(ctx, host, directory.CreateResource{Identifier: identifier, Scopes: authz.ScopeSet{"agents:read"}, DetailTypes: types})
		return err
	}
	v.must(add("https://bank.example", payment))
	v.must(add("https://shop.example", []storage.DetailType{{Name: "order"}}))
	for name, err := range map[string]error{
		"of another":       add("https://other.example", payment),
		"twice":            add("https://twice.example", []storage.DetailType{{Name: "x"}, {Name: "x"}}),
		"without a name":   add("https://empty.example", []storage.DetailType{{}}),
		"with a space":     add("https://space.example", []storage.DetailType{{Name: "a b"}}),
		"more than can be": add("https://many.example", make([]storage.DetailType, 33)),
		"taken over": func() error {
			_, err := v.UpdateResource(ctx, host, "https://shop.example", directory.ResourceChange{DetailTypes: &payment})
			return err
		}(),
	} {
		var wrong *directory.InvalidError
		if !errors.As(err, &wrong) || wrong.Field != "authorization_details_types" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := v.UpdateResource(ctx, host, "https://bank.example", directory.ResourceChange{DetailTypes: &[]storage.DetailType{{Name: "payment", Title: "Pay"}}})
	v.must(err)
}
