// Package mcp puts the middleware of authz/resource in front of a server made with
// the MCP Go SDK (streamable HTTP), as the authorization chapter of the Model
// Context Protocol demands: a token made for this very server, a 401 that says
// where to get one, and a 403 that names all the scopes that a tool needs.
//
// It owns which requirement a message has to meet, by the tool that it calls, and
// the passage of the [resource.Principal] to the tool. It refuses batches, which
// the protocol has given up, and passes on no message but as it has read it. It
// stands apart so that authz/resource does not depend on the SDK; anybody who
// serves MCP may import it.
package mcp
