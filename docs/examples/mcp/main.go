// Command mcp is an MCP server that lets in who holds a token of Gatehouse for it.
package main

import (
	"context"
	"log"
	"net/http"
	"net/url"
	"os"

	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"github.com/gatehouse/gatehouse/authz"
	"github.com/gatehouse/gatehouse/authz/resource"
	"github.com/gatehouse/gatehouse/authz/resource/mcp"
)

type nothing struct{}

type answer struct {
	Text string `json:"text"`
}

func whoami(_ context.Context, call *sdk.CallToolRequest, _ nothing) (*sdk.CallToolResult, answer, error) {
	return nil, answer{"You are " + mcp.Principal(call.Extra.TokenInfo).Subject}, nil
}

func reindex(context.Context, *sdk.CallToolRequest, nothing) (*sdk.CallToolResult, answer, error) {
	return nil, answer{"Done"}, nil
}

func main() {
	issuer, endpoint := os.Getenv("ISSUER"), os.Getenv("RESOURCE") // https://id.example.com, http://localhost:8080/mcp
	tokens, err := resource.NewVerifier(context.Background(), resource.Config{Issuer: issuer, Audience: endpoint})
	if err != nil {
		log.Fatal(err)
	}
	server := sdk.NewServer(&sdk.Implementation{Name: "agents", Version: "1"}, nil)
	sdk.AddTool(server, &sdk.Tool{Name: "whoami", Description: "Says who you are"}, whoami)
	sdk.AddTool(server, &sdk.Tool{Name: "reindex", Description: "Reads everything anew"}, reindex)
	handler, err := mcp.Protect(sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil), tokens, mcp.Config{
		Resource: endpoint, Issuer: issuer,
		Scopes: []authz.Scope{"agents:read"},
		Tools:  map[string]mcp.Need{"reindex": {Scopes: []authz.Scope{"tools:execute"}}},
	})
	if err != nil {
		log.Fatal(err)
	}
	at, err := url.Parse(endpoint)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe(at.Host, handler))
}
