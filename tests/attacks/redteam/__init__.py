"""The red team: one module for each threat, with an attempt that can be repeated a thousand times and counted.

``python -m tests.attacks.redteam`` runs them (see ``run``), ``make redteam`` all of them at full length. A module of this
package that has a ``THREAT`` or ``THREATS`` takes part; the others are tools.
"""
