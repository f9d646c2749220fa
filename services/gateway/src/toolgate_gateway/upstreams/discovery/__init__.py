"""Discovery of models at run time, in addition to those of the gateway's file."""
