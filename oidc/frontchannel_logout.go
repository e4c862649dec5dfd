package oidc

import (
	"context"
	"net/url"
	"strings"

	"github.com/gatehouse/gatehouse/storage"
)

// maxLogoutFrames bounds how many clients one page tells. Whoever must be told for
// certain asks for the back channel: a browser may load a frame or not.
const maxLogoutFrames = 20

// FrontChannelLogouts is where the clients of a session want to be told by the browser
// that it ends (OpenID Connect Front-Channel Logout 1.0 §3), each address with iss and
// sid behind its registered query.
func (p *Provider) FrontChannelLogouts(ctx context.Context, s storage.Session) ([]*url.URL, error) {
	clients, err := p.Store.ForUser(s.User).ClientsOfSession(ctx, s.TokenJTI)
	if err != nil {
		return nil, err
	}
	told := url.Values{"iss": {p.Issuer}, "sid": {s.TokenJTI.String()}}.Encode()
	var frames []*url.URL
	for _, id := range clients {
		c, err := p.Store.Client(ctx, id)
		if ignoreNotFound(err) != nil {
			return nil, err
		}
		if err != nil || !c.Active(p.Now()) || c.Metadata.FrontChannelLogoutURI == "" {
			continue
		}
		frame, err := url.Parse(c.Metadata.FrontChannelLogoutURI)
		if err != nil || frame.Host == "" {
			continue // it was judged when it was registered
		}
		frame.RawQuery = strings.TrimPrefix(frame.RawQuery+"&"+told, "&")
		if frames = append(frames, frame); len(frames) == maxLogoutFrames {
			break
		}
	}
	return frames, nil
}
