"""Programs that run on the VM: standard library only, each file complete in itself."""
