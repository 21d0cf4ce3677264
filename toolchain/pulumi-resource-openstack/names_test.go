package main

import (
	"testing"

	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/bridge"
	"github.com/terraform-providers/terraform-provider-docker/toolchain/internal/names"
)

func TestNames(t *testing.T) { names.Hold(t, provider()) }

func TestNamesThatAreWrittenDownStayTheSame(t *testing.T) {
	info := provider()
	bridge.WriteNames(&info)
	names.Hold(t, info)
}
