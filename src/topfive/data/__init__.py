"""Labelled images: reading, checking and splitting folders, CSV files and the named data sets, without torch."""

from topfive.data.dataset import ArrayDataset, FileDataset, ImageDataset, Skipped, Splits, picture
from topfive.data.source import open_data
from topfive.data.table import write_split

__all__ = ["ArrayDataset", "FileDataset", "ImageDataset", "Skipped", "Splits", "open_data", "picture", "write_split"]
