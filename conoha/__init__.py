"""What is particular to ConoHa VPS Ver.3.0: names, sizes, prices and rules that plain OpenStack does not have.

Pure facts and pure functions: nothing here talks to a network. Every module names its sources and their dates; where
GMO's own pages disagree, its OpenAPI file wins (https://github.com/gmo-internet/conoha_vps_openapi, 2026-07-01).
"""
